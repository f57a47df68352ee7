import { randomUUID } from 'node:crypto'
import type { EventStore } from '../events/index.ts'
import { accepted, type Clock } from '../kernel/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import type { Database } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import type { AccessChange, AccessListsData, ConnectionSelector } from '../relay/index.ts'
import { AccessKeeper, type LevelChange, type RelayControl } from './access/access-keeper.ts'
import { mistakeIn } from './access/check-change.ts'
import { type EntryPage, type ListedEntry, listEntries } from './access/list-entries.ts'
import type { Levels } from './access/lists.ts'
import type { AccessSnapshot } from './access/snapshot.ts'
import type { Actor } from './actor.ts'
import { DatabaseAccess } from './database-access.ts'
import { type Decision, writeDecision } from './decide.ts'
import { HeldEvents, type Publish } from './held/held-events.ts'
import { hearMessages, type MessageBus, type ModerationMessage, sendMessage } from './messages.ts'
import { type ModerationOutcome, refuse } from './refusal.ts'
import { Removals } from './removals.ts'
import { ReportIntake, STRANGER_WEIGHT } from './reports/report-intake.ts'
import { Reports } from './reports/reports.ts'
import type { ModerationSettings } from './settings.ts'
import type { AccessListName } from './tables.ts'
import { Turns } from './turns.ts'

export interface ModerationDeps {
  /** Undefined until it is ready. */
  readonly database: () => Database | undefined
  /** `access.json` in the data folder. */
  readonly accessFile: string
  /** What `loadSnapshot` returned, and the relay was started with. */
  readonly snapshot: AccessSnapshot
  readonly relay: RelayControl
  readonly bus: MessageBus
  readonly store: Pick<EventStore, 'query' | 'remove'>
  readonly publish: Publish
  /**
   * Levels that another part of the program knows, read again and again, so that a lost message does no harm. Undefined
   * until it knows them: those of the last time are good until then.
   */
  readonly levels?: () => Promise<Levels | undefined>
  /** Keys whose level stands in the configuration: their reports count for more. */
  readonly configuredLevels: () => {
    readonly members: readonly string[]
    readonly trusted: readonly string[]
  }
  readonly settings: ModerationSettings
  readonly clock: Clock
  readonly logger: Logger
}

/** What operators and moderators can do. Whoever calls has checked who they are; here it is written down and done. */
export interface Moderation {
  readonly held: Pick<HeldEvents, 'hold' | 'list' | 'approve' | 'reject'>
  readonly reports: Pick<Reports, 'list' | 'resolve'>
  /** What was decided by hand; until the database was read, what the file says. */
  lists(): AccessListsData
  /** One list with who put it there, when and why, in the order of what is listed. */
  entries(list: AccessListName, page?: EntryPage): Promise<ModerationOutcome<readonly ListedEntry[]>>
  /** Makes all the changes or none; resolves to how many were not so already. At most 500. */
  change(
    changes: readonly AccessChange[],
    decision: Decision,
  ): Promise<ModerationOutcome<{ readonly changed: number }>>
  /** Lets an event in (NIP-86 `allowevent`): out of the queue, off the list of banned ones, reports dismissed. */
  allowEvent(id: string, by: Actor): Promise<ModerationOutcome<undefined>>
  /** Closes connections on every process; `closed` are those of this one. */
  disconnect(
    whom: ConnectionSelector,
    kick: { readonly by: Actor; readonly text: string },
  ): Promise<ModerationOutcome<{ readonly closed: number }>>
  /** To be called with every event that is stored, here or by another process. */
  onStored(event: NostrEvent): void
  /** To be called with every change of `levels`. Resolves when the relay knows. */
  changeLevels(changes: readonly LevelChange[]): Promise<void>
  /** Does now what it does every `pollSeconds`: worth it when the database has just become ready. */
  refresh(): Promise<void>
  status(): Promise<ModerationStatus>
  stop(): Promise<void>
}

export interface ModerationStatus {
  /** Rises with every decision; undefined until the database was read. */
  readonly version: number | undefined
  /** Undefined while the database cannot be asked, like `openReports`. */
  readonly heldEvents: number | undefined
  readonly openReports: number | undefined
}

export const MAX_CHANGES = 500
/** Of a WebSocket close frame, less what the text may be wrapped in. */
const MAX_CLOSE_TEXT_BYTES = 120
/** No address, key or id of a connection is longer. */
const MAX_SELECTOR_CHARACTERS = 200
/** How often it looks whether the database has become ready. */
const LOOK_MS = 1_000

/** Opens moderation. The relay runs with what it was started with until the database is ready. */
export function openModeration(deps: ModerationDeps): Moderation {
  return new RunningModeration(deps)
}

class RunningModeration implements Moderation {
  readonly #deps: ModerationDeps
  readonly #self = randomUUID()
  readonly #database: DatabaseAccess
  readonly #access: AccessKeeper
  readonly #removals: Removals
  readonly #intake: ReportIntake
  readonly held: HeldEvents
  readonly reports: Reports
  readonly #stopHearing: (() => void)[]
  readonly #timer: NodeJS.Timeout
  readonly #rounds = new Turns(2)
  #nextRoundMs = 0

  constructor(deps: ModerationDeps) {
    this.#deps = deps
    const { bus, relay, store, settings, clock, logger } = deps
    const database = new DatabaseAccess(deps.database, clock)
    this.#database = database
    this.#access = new AccessKeeper({
      database,
      accessFile: deps.accessFile,
      snapshot: deps.snapshot,
      relay,
      announce: (message) => sendMessage(bus, this.#self, message),
      levels: deps.levels,
      maxEntries: settings.maxEntries,
      clock,
      logger,
    })
    this.#removals = new Removals({ database, store, clock, logger })
    this.held = new HeldEvents({ database, publish: deps.publish, settings, clock, logger })
    this.#intake = new ReportIntake({
      database,
      store,
      settings,
      weightOf: (pubkey) => this.#weightOf(pubkey),
      clock,
      logger,
    })
    this.reports = new Reports({
      database,
      access: this.#access,
      removals: this.#removals,
      store,
      settings,
      clock,
      afterwards: (changes) => this.#removeBanned(changes),
    })
    const hearing = hearMessages(bus, this.#self, (message) => this.#hear(message))
    this.#stopHearing = [
      () => hearing.stop(),
      bus.onRecovered(() => this.#background(this.#access.refresh())),
    ]
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
    this.#look()
  }

  lists(): AccessListsData {
    return this.#access.decided
  }

  entries(list: AccessListName, page: EntryPage = {}): Promise<ModerationOutcome<readonly ListedEntry[]>> {
    return this.#database.read(async (db) => accepted(await listEntries(db, list, page)))
  }

  async change(
    changes: readonly AccessChange[],
    decision: Decision,
  ): Promise<ModerationOutcome<{ readonly changed: number }>> {
    if (changes.length > MAX_CHANGES) return TOO_MANY_CHANGES
    for (const change of changes) {
      const mistake = mistakeIn(change)
      if (mistake !== undefined) return refuse('INVALID', mistake)
    }
    const outcome = await this.#access.commit(async (writing) => {
      const nowSeconds = this.#deps.clock.nowSeconds()
      return writeDecision(writing, changes, { ...decision, nowSeconds, removals: this.#removals })
    })
    if (!outcome.ok) return outcome
    await this.#removeBanned(changes)
    return accepted({ changed: outcome.value })
  }

  async allowEvent(id: string, by: Actor): Promise<ModerationOutcome<undefined>> {
    const changed = await this.change([{ do: 'unban-event', id }], { by })
    if (!changed.ok) return changed
    // Most events are in none of the two: that they are not there is no refusal here.
    const approved = await this.held.approve(id, by)
    if (!approved.ok && approved.refusal.code === 'UNAVAILABLE') return approved
    const dismissed = await this.reports.resolve(
      { subject: 'event', target: id },
      { decision: 'dismiss', by },
    )
    if (!dismissed.ok && dismissed.refusal.code === 'UNAVAILABLE') return dismissed
    return accepted(undefined)
  }

  async disconnect(
    whom: ConnectionSelector,
    { by, text }: { readonly by: Actor; readonly text: string },
  ): Promise<ModerationOutcome<{ readonly closed: number }>> {
    if (Buffer.byteLength(text) > MAX_CLOSE_TEXT_BYTES) return TEXT_TOO_LONG
    const [subject = ''] = Object.values(whom)
    if (subject === '' || subject.length > MAX_SELECTOR_CHARACTERS) return NOBODY_NAMED
    const written = await this.#database.write(async ({ audit }) => {
      audit({ ...by, action: 'relay.disconnected', subject, after: { ...whom, text } })
      return accepted(undefined)
    })
    if (!written.ok) return written
    sendMessage(this.#deps.bus, this.#self, { do: 'disconnect', whom, text })
    return accepted({ closed: await this.#deps.relay.obey({ do: 'disconnect', whom, text }) })
  }

  onStored(event: NostrEvent): void {
    this.#intake.onStored(event)
  }

  changeLevels(changes: readonly LevelChange[]): Promise<void> {
    return this.#access.changeLevels(changes)
  }

  refresh(): Promise<void> {
    // One that has not begun yet will do.
    return this.#rounds.isFull ? this.#rounds.settled() : this.#rounds.take(() => this.#runRound())
  }

  async status(): Promise<ModerationStatus> {
    const [held, open] = await Promise.all([this.held.waiting(), this.reports.open()])
    const { version } = this.#access
    return {
      version: version === undefined ? undefined : Number(version),
      heldEvents: held.ok ? held.value : undefined,
      openReports: open.ok ? open.value : undefined,
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    for (const stop of this.#stopHearing) stop()
    await this.#rounds.settled()
    await this.#access.settled()
    await this.#removals.stop()
    await this.held.settled()
    await this.#intake.settled()
  }

  /** Strangers count little, and whoever is banned not at all. */
  #weightOf(pubkey: string): number {
    const { settings, clock, configuredLevels } = this.#deps
    const { lists } = this.#access
    if (lists.banReasonOf(pubkey) !== undefined) return 0
    lists.configureLevels(configuredLevels())
    const level = lists.levelOf([pubkey], clock.nowSeconds())
    if (level >= 4) return settings.trustedWeight
    return level >= 2 ? settings.memberWeight : STRANGER_WEIGHT
  }

  /**
   * Whoever bans an event wants to see it gone when the answer comes. An author may have stored so much that nobody wants
   * to wait until it is.
   */
  async #removeBanned(changes: readonly AccessChange[]): Promise<void> {
    const ids = changes.flatMap((change) => (change.do === 'ban-event' ? [change.id] : []))
    try {
      if (ids.length > 0) await this.#deps.store.remove(ids)
    } catch (err) {
      // It is planned as well, so the next round does it.
      this.#deps.logger.error({ err, events: ids.length }, 'moderation.removal_failed')
    }
    if (changes.some((change) => change.do === 'ban-pubkey')) this.#background(this.#removals.run())
  }

  #look(): void {
    const nowMs = this.#deps.clock.nowMs()
    if (!this.#database.isReady || nowMs < this.#nextRoundMs) return
    this.#nextRoundMs = nowMs + this.#deps.settings.pollSeconds * 1_000
    void this.refresh()
  }

  /** Everything that may have been left undone: by a crash, by another process, by a database that was away. */
  async #runRound(): Promise<void> {
    const steps = {
      lists: () => this.#access.refresh(),
      removals: () => this.#removals.run(),
      approved: () => this.held.publishApproved(),
      reports: () => this.#intake.catchUp(),
      held: () => this.held.forgetOld(),
      handled: () => this.reports.forgetOld(),
    }
    for (const [step, run] of Object.entries(steps)) {
      try {
        await run()
      } catch (err) {
        this.#deps.logger.error({ err, step }, 'moderation.round_failed')
      }
    }
  }

  #hear(message: ModerationMessage): void {
    switch (message.do) {
      case 'read-lists':
        if (BigInt(message.version) > (this.#access.version ?? -1n)) this.#background(this.#access.refresh())
        return
      case 'read-levels':
        this.#background(this.#access.refresh())
        return
      case 'disconnect':
        this.#background(this.#deps.relay.obey(message))
    }
  }

  #background(work: unknown): void {
    Promise.resolve(work).catch((err: unknown) => {
      this.#deps.logger.error({ err }, 'moderation.background_failed')
    })
  }
}

const TOO_MANY_CHANGES = refuse('INVALID', `At most ${MAX_CHANGES} changes are made at once.`)
const TEXT_TOO_LONG = refuse('INVALID', `The text of a close has at most ${MAX_CLOSE_TEXT_BYTES} bytes.`)
const NOBODY_NAMED = refuse('INVALID', 'Connections are named by their id, a key or an address.')
