/** The connections of one collector: which relays are its, which are connected to, and what is reported of them. */
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { createNameResolver, type ResolveName } from '../../platform/internet/index.ts'
import type { EventIntake } from '../event-intake.ts'
import {
  type DirectoryEntry,
  FOUND_ORIGINS,
  type RelayDirectory,
  type RelayOrigin,
} from '../relay-directory.ts'
import type { Offence, RelayReport, RelayState } from '../relay-report.ts'
import type { Collector, CollectorStats, RelayStatus } from './collector-figures.ts'
import { offenceTotals, statusOf } from './collector-figures.ts'
import {
  type CollectorLimits,
  type CollectorSettings,
  DEFAULT_LIMITS,
  MAX_CONNECTIONS,
} from './collector-settings.ts'
import { Discovery } from './discovery.ts'
import { createInformationDesk } from './information-desk.ts'
import { KnownRelay } from './known-relay.ts'
import type { CollectorMembers } from './members.ts'
import { OutageRounds } from './outage-rounds.ts'
import { OutageJudge } from './own-outage.ts'
import { planConnections } from './plan.ts'
import { normalizeRelayAddress } from './relay-address.ts'
import { type RouteRules, routeOf } from './relay-route.ts'
import { RelayWatch, type WatchDeps } from './relay-watch.ts'
import { shareOf } from './share.ts'

export interface CollectorDeps {
  readonly directory: RelayDirectory
  readonly intake: EventIntake
  readonly seeds: readonly string[]
  /** `ws://` URL of our own relay; exempt from address rules. */
  readonly own?: string
  readonly settings: CollectorSettings
  readonly members: CollectorMembers
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<CollectorLimits>
  /** From 0 to 1, evenly spread; the machine's when absent. */
  readonly random?: () => number
  /** The name servers of the machine when absent. */
  readonly resolve?: ResolveName
}

/** Reports of one call; the others come with the next. */
const MAX_REPORTS = 2_000
const MAX_LEARNT_AT_ONCE = 500
/** A relay that gave its connection to another waits for its next turn. */
const ROTATION_MS = 600_000
const NO_ROOM = 'others need the connection'

/**
 * Opens the connections.
 *
 * @throws whatever the directory throws when it cannot be read.
 */
export async function openCollector(deps: CollectorDeps): Promise<Collector> {
  const collector = new OpenCollector(deps)
  await collector.start()
  return collector
}

class OpenCollector implements Collector {
  readonly #deps: CollectorDeps
  readonly #limits: CollectorLimits
  readonly #routes: RouteRules
  readonly #isOwnPrivate: boolean
  readonly #intake: EventIntake
  readonly #known = new Map<string, KnownRelay>()
  readonly #discovery: Discovery
  readonly #desk = createInformationDesk()
  readonly #judge: OutageJudge
  readonly #rounds: OutageRounds
  readonly #watchDeps: WatchDeps
  readonly #timers: NodeJS.Timeout[] = []
  readonly #stops: (() => void)[] = []
  readonly #offences = new Map<Offence, number>()
  #leaving: RelayReport[] = []
  #working: Promise<void> = Promise.resolve()
  #messages = 0
  #bytes = 0
  #reportFrom = 0
  #isStopped = false

  constructor(deps: CollectorDeps) {
    const { settings, own, resolve } = deps
    this.#deps = deps
    this.#limits = { ...DEFAULT_LIMITS, ...deps.limits }
    this.#isOwnPrivate = own !== undefined && !normalizeRelayAddress(own).ok
    this.#routes = {
      allowPrivate: settings.allowPrivate,
      onionProxy: settings.onionProxy,
      aliases: settings.aliases ?? new Map(),
      own,
      resolve: resolve ?? createNameResolver(),
    }
    this.#discovery = new Discovery({ rules: this.#rules, isKnown: (url) => this.#known.has(url) })
    this.#intake = this.#countingIntake(deps.intake)
    this.#judge = new OutageJudge(this.#limits)
    const { clock, logger, random = Math.random } = deps
    this.#rounds = new OutageRounds({ judge: this.#judge, limits: this.#limits, logger, random })
    this.#watchDeps = {
      settings,
      clock,
      random,
      limits: this.#limits,
      intake: this.#intake,
      judge: this.#judge,
      routeOf: (url) => routeOf(url, this.#routes),
      askInformation: (route) => this.#desk.ask(route),
      onNamed: (url, named) => {
        if (settings.discovers) this.#discovery.noteNamed(url, named, clock.nowSeconds())
      },
    }
  }

  async start(): Promise<void> {
    const { directory, seeds, own, members, intake, clock, settings } = this.#deps
    await this.#learn(this.#accepted(seeds), 'seed')
    if (own !== undefined) await this.#learn([own], 'own')
    this.#adopt(await directory.all())
    this.#stops.push(
      members.onChange(() => this.#inTurn(() => this.#onMembers())),
      intake.onDrain(() => this.#resumeAll()),
    )
    // Who came or went while the seeds were learnt has told nobody.
    this.#share()
    if (settings.discovers) {
      this.#stops.push(intake.onEvent((event) => this.#discovery.note(event, clock.nowSeconds())))
      this.#every(this.#limits.learnMs, () => this.#inTurn(() => this.#learnDiscovered()))
    }
    this.#every(this.#limits.refreshMs, () => this.look())
    this.#every(this.#limits.tickMs, () => this.#tick())
    this.#tick()
  }

  takeReports(): readonly RelayReport[] {
    const nowMs = this.#deps.clock.nowMs()
    const reports = this.#leaving.splice(0, MAX_REPORTS)
    const watched = this.#watches()
    // Where the last call had no room any more, this one begins.
    const from = this.#reportFrom < watched.length ? this.#reportFrom : 0
    let looked = 0
    for (; looked < watched.length && reports.length < MAX_REPORTS; looked++) {
      const report = watched[(from + looked) % watched.length]!.takeReport(nowMs)
      if (report !== undefined) reports.push(report)
    }
    this.#reportFrom = looked < watched.length ? (from + looked) % watched.length : 0
    return reports
  }

  relays(): readonly RelayStatus[] {
    return this.#ours().map(statusOf)
  }

  stats(): CollectorStats {
    const relays = this.#ours()
    const counts = new Map<RelayState, number>()
    for (const { state } of relays) counts.set(state, (counts.get(state) ?? 0) + 1)
    const count = (state: RelayState) => counts.get(state) ?? 0
    const { sinceMs } = this.#judge
    return {
      known: this.#known.size,
      share: relays.length,
      connected: count('catching-up') + count('live') + count('polling'),
      connecting: count('connecting'),
      waiting: count('waiting'),
      candidates: relays.filter(({ isProven }) => !isProven).length,
      refused: count('refused'),
      messages: this.#messages,
      bytes: this.#bytes,
      uncertainSeconds: relays.reduce((sum, { watch }) => sum + (watch?.uncertainSeconds ?? 0), 0),
      offences: offenceTotals(relays, this.#offences),
      ownOutages: this.#judge.outages,
      ownOutageSince: sinceMs === undefined ? undefined : Math.floor(sinceMs / 1_000),
    }
  }

  look(): void {
    this.#inTurn(async () => {
      const entries = await this.#deps.directory.all()
      this.#adopt(entries)
      this.#forgetOthers(entries)
    })
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    for (const stop of this.#stops) stop()
    this.#desk.stop()
    for (const watch of this.#watches()) watch.release('the collector stops')
    await this.#working
  }

  get #rules() {
    const { allowPrivate, onionProxy } = this.#deps.settings
    return { allowPrivate, allowOnion: onionProxy !== undefined }
  }

  #every(ms: number, act: () => void): void {
    const timer = setInterval(act, ms)
    timer.unref()
    this.#timers.push(timer)
  }

  /** One after the other: what is learnt and what members do must not cross. A directory that is away is asked later. */
  #inTurn(step: () => Promise<void>): void {
    this.#working = this.#working.then(async () => {
      if (this.#isStopped) return
      try {
        await step()
      } catch (error) {
        this.#deps.logger.warn({ err: error }, 'observatory.directory_unavailable')
      }
    })
  }

  #countingIntake(intake: EventIntake): EventIntake {
    return {
      take: (feed, data) => {
        this.#messages += 1
        this.#bytes += data.length
        return intake.take(feed, data)
      },
      get isFull() {
        return intake.isFull
      },
      onDrain: (listener) => intake.onDrain(listener),
      onEvent: (listener) => intake.onEvent(listener),
    }
  }

  #accepted(urls: readonly string[]): readonly string[] {
    const addresses = urls.map((url) => normalizeRelayAddress(url, this.#rules))
    return [...new Set(addresses.flatMap((address) => (address.ok ? [address.value] : [])))]
  }

  async #learn(urls: readonly string[], origin: RelayOrigin): Promise<void> {
    for (let start = 0; start < urls.length; start += MAX_LEARNT_AT_ONCE) {
      const room = this.#deps.settings.maxKnownRelays - this.#known.size
      if (room <= 0) return
      const batch = urls.slice(start, start + Math.min(room, MAX_LEARNT_AT_ONCE))
      this.#adopt(await this.#deps.directory.learn(batch, origin))
    }
  }

  async #learnDiscovered(): Promise<void> {
    const found = this.#discovery.take(MAX_LEARNT_AT_ONCE)
    for (const origin of FOUND_ORIGINS) {
      const urls = found.filter((relay) => relay.origin === origin).map(({ url }) => url)
      if (urls.length > 0) await this.#learn(urls, origin)
    }
  }

  /** Takes entries of the directory in. What a watch of ours knows is newer than the directory. */
  #adopt(entries: readonly DirectoryEntry[]): void {
    const live = this.#deps.members.live()
    for (const entry of entries) {
      const known = this.#known.get(entry.url)
      if (known !== undefined) known.entry = entry
      else if (this.#known.size < this.#deps.settings.maxKnownRelays) {
        const isOwn = entry.url === this.#deps.own
        this.#known.set(entry.url, new KnownRelay(entry, this.#isOurs(entry.url, live), isOwn))
      }
      this.#obey(entry.url)
    }
  }

  /** Does with a relay of ours as an operator wants it. */
  #obey(url: string): void {
    const known = this.#known.get(url)
    if (known === undefined || !known.isOurs) return
    if (known.entry.isRefused === true) {
      known.watch ??= this.#watch(known)
      known.watch.refuse('the operator refuses it')
    } else if (known.watch?.state === 'refused' && this.#refusalOf(url) === undefined) {
      known.watch.allow()
    }
  }

  /** The directory has given up those that are not in it: they never answered. What we know of a relay may be newer. */
  #forgetOthers(entries: readonly DirectoryEntry[]): void {
    const there = new Set(entries.map(({ url }) => url))
    for (const known of this.#known.values()) {
      if (there.has(known.url) || known.isProven || known.isActive) continue
      this.#keepOffences(known)
      this.#known.delete(known.url)
    }
  }

  /**
   * Somebody came or went: what is not ours any more is left, what has become ours goes on where the directory says. Where that
   * cannot be read, it goes on where it was known to be: something is read twice then.
   */
  async #onMembers(): Promise<void> {
    const { members, directory, logger } = this.#deps
    const live = members.live()
    for (const known of this.#known.values()) {
      if (known.isOurs && !this.#isOurs(known.url, live)) this.#giveAway(known)
    }
    try {
      this.#adopt(await directory.all())
    } catch (error) {
      logger.warn({ err: error }, 'observatory.directory_unavailable')
    }
    this.#share()
    logger.info({ members: members.live().length, relays: this.#ours().length }, 'observatory.shared_out')
    this.#tick()
  }

  /** The relay of this very process, at an address that others do not reach, is nobody else's. */
  #isOurs(url: string, live: readonly string[]): boolean {
    return (url === this.#deps.own && this.#isOwnPrivate) || shareOf(url, live, this.#deps.members.self)
  }

  #share(): void {
    const live = this.#deps.members.live()
    for (const known of this.#known.values()) {
      const isOurs = this.#isOurs(known.url, live)
      if (known.isOurs && !isOurs) this.#giveAway(known)
      known.isOurs = isOurs
      this.#obey(known.url)
    }
  }

  #giveAway(known: KnownRelay): void {
    known.isOurs = false
    const { watch } = known
    if (watch === undefined) return
    this.#keepOffences(known)
    known.watch = undefined
    watch.release('another collector reads it')
    const last = watch.takeReport(this.#deps.clock.nowMs(), true)
    if (last !== undefined) this.#leaving.push(last)
  }

  /** Offences are counted since the collector was opened, also those of relays that it has no watch of any more. */
  #keepOffences({ watch }: KnownRelay): void {
    for (const [offence, count] of watch?.offences ?? []) {
      this.#offences.set(offence, (this.#offences.get(offence) ?? 0) + count)
    }
  }

  #tick(): void {
    if (this.#isStopped) return
    const nowMs = this.#deps.clock.nowMs()
    const ours = this.#ours()
    // While nothing is read nobody answers, and that says nothing.
    if (!this.#intake.isFull) this.#rounds.look(ours, nowMs)
    for (const watch of this.#watches()) watch.tick(nowMs)
    if (this.#intake.isFull) return
    if (this.#judge.isOn) for (const known of this.#rounds.scouts(ours, nowMs)) this.#connect(known)
    // Our own relay is on this side of the network.
    this.#plan(this.#judge.isOn ? ours.filter(({ isPinned }) => isPinned) : ours, nowMs)
  }

  #plan(relays: readonly KnownRelay[], nowMs: number): void {
    const { maxConnections } = this.#deps.settings
    const bounds = {
      maxConnections: Math.min(maxConnections, MAX_CONNECTIONS),
      maxConnecting: this.#limits.maxConnecting,
      turnMs: this.#limits.turnMs,
      maxTurnMs: this.#limits.maxTurnMs,
    }
    const { connect, release, crowdedOut } = planConnections(relays, bounds, nowMs)
    for (const { watch } of [...release, ...crowdedOut]) watch?.rest(NO_ROOM, ROTATION_MS)
    for (const known of connect) this.#connect(known)
  }

  #connect(known: KnownRelay): void {
    known.watch ??= this.#watch(known)
    const address = this.#refusalOf(known.url)
    if (address !== undefined) known.watch.refuse(address)
    else known.watch.connect()
  }

  #watch({ entry, isPinned }: KnownRelay): RelayWatch {
    return new RelayWatch(this.#watchDeps, entry, isPinned)
  }

  /** The directory may hold addresses that were accepted under other settings. */
  #refusalOf(url: string): string | undefined {
    if (url === this.#deps.own || this.#routes.aliases.has(url)) return undefined
    const address = normalizeRelayAddress(url, this.#rules)
    return address.ok ? undefined : address.refusal
  }

  #resumeAll(): void {
    for (const watch of this.#watches()) watch.resume()
  }

  #ours(): readonly KnownRelay[] {
    return [...this.#known.values()].filter(({ isOurs }) => isOurs)
  }

  #watches(): readonly RelayWatch[] {
    return [...this.#known.values()].flatMap(({ watch }) => (watch === undefined ? [] : [watch]))
  }
}
