import { type Kysely, type Selectable, sql } from 'kysely'
import type { PutOutcome } from '../../events/index.ts'
import { accepted, type Clock } from '../../kernel/index.ts'
import { encodeEvent, type NostrEvent, reason } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { HostAnswer } from '../../relay/index.ts'
import type { Actor } from '../actor.ts'
import type { DatabaseAccess } from '../database-access.ts'
import { storableText } from '../free-text.ts'
import { type ModerationOutcome, refuse } from '../refusal.ts'
import { DAY_SECONDS, type ModerationSettings } from '../settings.ts'
import type { HeldState, ModerationHeldEventsTable } from '../tables.ts'
import { Turns } from '../turns.ts'

/** Puts an event into the store and tells everybody who listens, as if its author had just sent it. */
export type Publish = (event: NostrEvent) => Promise<PutOutcome>

export interface HeldEventsDeps {
  readonly database: DatabaseAccess
  readonly publish: Publish
  readonly settings: ModerationSettings
  readonly clock: Clock
  readonly logger: Logger
}

/** An event that a rule has kept back. */
export interface HeldEvent {
  readonly event: NostrEvent
  /** What the rule said, for the moderator. */
  readonly why: string
  readonly heldAtSeconds: number
  readonly state: HeldState
  readonly decidedBy?: string
  readonly decidedAtSeconds?: number
  /** What the store said of an approved event. */
  readonly answer?: string
}

export interface HeldPage {
  /** Default `waiting`. */
  readonly state?: HeldState
  /** From 1 to 500. Default 100. */
  readonly limit?: number
  /** The last one of the page before. */
  readonly after?: { readonly heldAtSeconds: number; readonly id: string }
}

export interface Approval {
  /** What the store said; `later` when it could not take the event now and will be asked again. */
  readonly answer: PutOutcome['status'] | 'later'
}

/** Events that are being written down at the same time; one more is refused. */
const MAX_OPEN_HOLDS = 1_000
const MAX_WHY_CHARACTERS = 1_000
const DEFAULT_PAGE = 100
const MAX_PAGE = 500

/** The queue of events that a moderator has to look at. */
export class HeldEvents {
  readonly #deps: HeldEventsDeps
  /** One publishes at a time, so that nobody asks the store twice for the same event. */
  readonly #publishing = new Turns(1_000)
  #openHolds = 0

  constructor(deps: HeldEventsDeps) {
    this.#deps = deps
  }

  /** Keeps an event whose id and signature were checked. What is accepted is on disk (`RelayHost.hold`). */
  async hold(event: NostrEvent, why: string): Promise<HostAnswer> {
    if (this.#openHolds >= MAX_OPEN_HOLDS) return BUSY
    this.#openHolds++
    try {
      const outcome = await this.#deps.database.read(async (db) =>
        accepted(await this.#insert(db, event, why)),
      )
      return outcome.ok ? outcome.value : NOT_READY
    } finally {
      this.#openHolds--
    }
  }

  /** The oldest first. */
  list({
    state = 'waiting',
    limit = DEFAULT_PAGE,
    after,
  }: HeldPage = {}): Promise<ModerationOutcome<readonly HeldEvent[]>> {
    return this.#deps.database.read(async (db) => {
      const rows = await db
        .selectFrom('moderation_held_events')
        .selectAll()
        .where('state', '=', state)
        .$if(after !== undefined, (rest) =>
          rest.where(
            sql<boolean>`(held_at, id) > (${BigInt(after?.heldAtSeconds ?? 0)}, ${after?.id ?? ''})`,
          ),
        )
        .orderBy('held_at')
        .orderBy('id')
        .limit(Math.min(Math.max(limit, 1), MAX_PAGE))
        .execute()
      return accepted(rows.map(heldEventOf))
    })
  }

  /** Lets an event through, once. */
  async approve(id: string, by: Actor): Promise<ModerationOutcome<Approval>> {
    const decided = await this.#decide(id, 'approved', by)
    return decided.ok ? accepted({ answer: await this.#publish(id) }) : decided
  }

  /** Keeps an event out; if it comes again while this is remembered, it is refused. */
  reject(id: string, by: Actor): Promise<ModerationOutcome<undefined>> {
    return this.#decide(id, 'rejected', by)
  }

  /** Publishes what was approved before a crash, or while the store could not take it. */
  async publishApproved(): Promise<void> {
    await this.#deps.database.read(async (db) => {
      const rows = await db
        .selectFrom('moderation_held_events')
        .select('id')
        .where('state', '=', 'approved')
        .orderBy('held_at')
        .limit(MAX_PAGE)
        .execute()
      for (const { id } of rows) await this.#publish(id)
      return accepted(undefined)
    })
  }

  /** Forgets what has waited for too long, and what was decided long ago. */
  async forgetOld(): Promise<void> {
    const { database, clock, settings } = this.#deps
    const before = BigInt(clock.nowSeconds() - settings.keepHeldDays * DAY_SECONDS)
    await database.read(async (db) => {
      await db
        .deleteFrom('moderation_held_events')
        .where('state', '<>', 'approved')
        .where(({ fn, val }) => sql<boolean>`${fn.coalesce('decided_at', 'held_at')} < ${val(before)}`)
        .execute()
      return accepted(undefined)
    })
  }

  waiting(): Promise<ModerationOutcome<number>> {
    return this.#deps.database.read(async (db) => {
      const { waiting } = await db
        .selectFrom('moderation_held_events')
        .select((of) => of.fn.countAll<bigint>().as('waiting'))
        .where('state', '=', 'waiting')
        .executeTakeFirstOrThrow()
      return accepted(Number(waiting))
    })
  }

  /** Resolves when nothing is being published. */
  settled(): Promise<void> {
    return this.#publishing.settled()
  }

  async #insert(db: Kysely<Tables>, event: NostrEvent, why: string): Promise<HostAnswer> {
    const { clock, settings } = this.#deps
    // Several at once may go past the bounds by as many as there are connections to the database.
    const { numAffectedRows } = await sql`
      INSERT INTO moderation_held_events (id, pubkey, json, why, held_at, state)
      SELECT ${event.id}, ${event.pubkey}, ${encodeEvent(event)}, ${storableText(why, MAX_WHY_CHARACTERS)},
        ${BigInt(clock.nowSeconds())}::bigint, 'waiting'
      WHERE (SELECT count(*) FROM moderation_held_events WHERE state = 'waiting') < ${settings.maxHeldEvents}::bigint
        AND (SELECT count(*) FROM moderation_held_events WHERE pubkey = ${event.pubkey} AND state = 'waiting')
          < ${settings.maxHeldPerAuthor}::bigint
      ON CONFLICT (id) DO NOTHING`.execute(db)
    if (numAffectedRows === 1n) return HELD
    const known = await stateOf(db, event.id)
    return known === undefined ? FULL : ANSWERS[known]
  }

  #decide(id: string, state: 'approved' | 'rejected', by: Actor): Promise<ModerationOutcome<undefined>> {
    const { database, clock } = this.#deps
    return database.write(async ({ tx, audit }) => {
      const row = await tx
        .updateTable('moderation_held_events')
        .set({ state, decided_by: by.actor, decided_at: BigInt(clock.nowSeconds()) })
        .where('id', '=', id)
        .where('state', '=', 'waiting')
        .returning(['pubkey', 'why'])
        .executeTakeFirst()
      if (row === undefined) {
        const known = await stateOf(tx, id)
        if (known === undefined) return refuse('NOT_FOUND', 'No event with this id waits for a moderator.')
        return refuse('DECIDED', `This event is ${known} already.`)
      }
      const before = { state: 'waiting', author: row.pubkey, why: row.why }
      audit({ ...by, action: `moderation.event_${state}`, subject: id, before, after: { state } })
      return accepted(undefined)
    })
  }

  async #publish(id: string): Promise<Approval['answer']> {
    // It is written down as approved: the next round publishes it.
    if (this.#publishing.isFull) return 'later'
    try {
      return await this.#publishing.take(() => this.#publishNow(id))
    } catch (err) {
      this.#deps.logger.error({ err, id }, 'moderation.publish_failed')
      return 'later'
    }
  }

  async #publishNow(id: string): Promise<Approval['answer']> {
    const { database, publish } = this.#deps
    const outcome = await database.read<Approval['answer']>(async (db) => {
      const row = await db
        .selectFrom('moderation_held_events')
        .select(['json', 'state', 'answer'])
        .where('id', '=', id)
        .executeTakeFirst()
      if (row?.state !== 'approved') return accepted(answerOf(row?.answer))
      // Written by `hold` from an event that was checked.
      const { status } = await publish(JSON.parse(row.json) as NostrEvent)
      if (status === 'failed') return accepted('later')
      // After a crash before this line the store is asked again, and answers `duplicate`: it is there once.
      await db
        .updateTable('moderation_held_events')
        .set({ state: 'published', answer: status })
        .where('id', '=', id)
        .where('state', '=', 'approved')
        .execute()
      return accepted(status)
    })
    return outcome.ok ? outcome.value : 'later'
  }
}

async function stateOf(db: Kysely<Tables>, id: string): Promise<HeldState | undefined> {
  const row = await db
    .selectFrom('moderation_held_events')
    .select('state')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.state
}

/** Published between the decision and its turn, by a round; or banned meanwhile, then there is nothing to do. */
function answerOf(answer: string | null | undefined): Approval['answer'] {
  return STATUSES.find((status) => status === answer) ?? 'later'
}

const STATUSES = [
  'stored',
  'duplicate',
  'superseded',
  'deleted',
  'vanished',
  'expired',
  'ephemeral',
] as const satisfies readonly PutOutcome['status'][]

function heldEventOf(row: Selectable<ModerationHeldEventsTable>): HeldEvent {
  const { json, why, held_at, state, decided_by, decided_at, answer } = row
  return {
    event: JSON.parse(json) as NostrEvent,
    why,
    heldAtSeconds: Number(held_at),
    state,
    ...(decided_by !== null && { decidedBy: decided_by }),
    ...(decided_at !== null && { decidedAtSeconds: Number(decided_at) }),
    ...(answer !== null && { answer }),
  }
}

const HELD: HostAnswer = { isAccepted: true, text: 'info: a moderator will look at this event first' }
const FULL: HostAnswer = {
  isAccepted: false,
  text: reason('rate-limited', 'too many events wait for a moderator, try again later'),
}
const BUSY: HostAnswer = {
  isAccepted: false,
  text: reason('rate-limited', 'too many events at once, try again'),
}
const NOT_READY: HostAnswer = {
  isAccepted: false,
  text: reason('error', 'this event needs a moderator and cannot be kept for one now, try again later'),
}

/** To whoever sends an event again that was held before. What is stored never comes here: it is a duplicate by then. */
const ANSWERS: Readonly<Record<HeldState, HostAnswer>> = {
  waiting: HELD,
  approved: HELD,
  published: { isAccepted: false, text: reason('duplicate', 'it was let through before, and is gone again') },
  rejected: { isAccepted: false, text: reason('blocked', 'a moderator has rejected this event') },
}
