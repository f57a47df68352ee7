import type { Transaction } from 'kysely'
import type { EventStore } from '../events/index.ts'
import { accepted, type Clock } from '../kernel/index.ts'
import type { Filter } from '../nostr/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import type { DatabaseAccess } from './database-access.ts'
import { readEvents } from './read-events.ts'
import type { ModerationRemovalsTable } from './tables.ts'
import { Turns } from './turns.ts'

export interface RemovalsDeps {
  readonly database: DatabaseAccess
  readonly store: Pick<EventStore, 'query' | 'remove'>
  readonly clock: Clock
  readonly logger: Logger
}

export type Removal = Pick<ModerationRemovalsTable, 'what' | 'subject'>

/** An event that was on its way while it was banned is in the store by then. */
const REPEAT_SECONDS = 120
/** Read from the store and removed at a time. */
const BATCH_EVENTS = 2_000
const MAX_REMOVALS_READ = 10_000

/** Takes banned events, and the events of purged authors, out of the store: as often as needed, also after a crash. */
export class Removals {
  readonly #deps: RemovalsDeps
  readonly #turns = new Turns(2)
  #isStopping = false

  constructor(deps: RemovalsDeps) {
    this.#deps = deps
  }

  /** Notes what is to go, in the transaction of the decision. */
  async plan(tx: Transaction<Tables>, removals: readonly Removal[]): Promise<void> {
    const until = BigInt(this.#deps.clock.nowSeconds() + REPEAT_SECONDS)
    for (const removal of removals) {
      await tx
        .insertInto('moderation_removals')
        .values({ ...removal, until })
        .onConflict((conflict) => conflict.columns(['what', 'subject']).doUpdateSet({ until }))
        .execute()
    }
  }

  /** Who is let in again keeps what comes from now on. */
  async cancel(tx: Transaction<Tables>, removals: readonly Removal[]): Promise<void> {
    for (const { what, subject } of removals) {
      await tx
        .deleteFrom('moderation_removals')
        .where('what', '=', what)
        .where('subject', '=', subject)
        .execute()
    }
  }

  /** Does everything that is planned. A run that waits already will do it. */
  run(): Promise<void> {
    return this.#turns.isFull ? this.#turns.settled() : this.#turns.take(() => this.#runNow())
  }

  /** What is left of a long removal is done after the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#turns.settled()
  }

  async #runNow(): Promise<void> {
    const { database, clock, logger } = this.#deps
    await database.read(async (db) => {
      const nowSeconds = BigInt(clock.nowSeconds())
      const planned = await db
        .selectFrom('moderation_removals')
        .selectAll()
        .orderBy('until')
        .limit(MAX_REMOVALS_READ)
        .execute()
      const events = planned.filter(({ what }) => what === 'event').map(({ subject }) => subject)
      let removed = events.length === 0 ? 0 : await this.#deps.store.remove(events)
      for (const { what, subject } of planned)
        if (what === 'author') removed += await this.#removeAuthor(subject)
      if (removed > 0) logger.info({ events: removed }, 'moderation.events_removed')
      if (this.#isStopping) return accepted(undefined)
      // What was done for the last time, unless it was planned anew meanwhile.
      for (const { what, subject, until } of planned.filter(({ until }) => until <= nowSeconds)) {
        await db
          .deleteFrom('moderation_removals')
          .where('what', '=', what)
          .where('subject', '=', subject)
          .where('until', '=', until)
          .execute()
      }
      return accepted(undefined)
    })
  }

  async #removeAuthor(pubkey: string): Promise<number> {
    const { store, clock } = this.#deps
    const filter: Filter = { authors: [pubkey], limit: BATCH_EVENTS }
    let total = 0
    for (;;) {
      const ids: string[] = []
      for await (const { id } of readEvents(store, filter, clock.nowSeconds())) ids.push(id)
      const removed = ids.length === 0 ? 0 : await store.remove(ids)
      total += removed
      // What cannot be removed would otherwise be found for ever.
      if (removed === 0 || this.#isStopping) return total
    }
  }
}
