/** Which relays the engine knows; the table has more by and by. */
import type { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'
import type { Engine } from './engine.ts'
import type { Db } from './tables.ts'

/** Relays that are read at once. */
const PAGE_ROWS = 5_000

export class KnownRelays {
  readonly #db: Db
  readonly #engine: Engine
  readonly #known = new Set<number>()
  #last = 0

  constructor(db: Db, engine: Engine) {
    this.#db = db
    this.#engine = engine
  }

  get count(): number {
    return this.#known.size
  }

  has(relay: number): boolean {
    return this.#known.has(relay)
  }

  /** Makes the engine know those that are new in the table: numbers come to light in their order (`table-directory.ts`). */
  async look(): Promise<void> {
    for (;;) {
      const rows = await this.#db
        .selectFrom('relays')
        .select(['id', 'url'])
        .where('id', '>', this.#last)
        .orderBy('id')
        .limit(PAGE_ROWS)
        .execute()
      for (const { id, url } of rows) {
        this.#engine.knowRelay({ relay: id, url })
        this.#known.add(id)
        this.#last = id
      }
      if (rows.length < PAGE_ROWS) return
    }
  }

  /** Whether the engine knows all of whom this is about. */
  knowsAllOf(observations: ObservationBatch, reports: readonly RelayReport[]): boolean {
    const { relay, count } = observations
    for (let row = 0; row < count; row++) if (!this.#known.has(relay[row]!)) return false
    return reports.every((report) => this.#known.has(report.relay))
  }
}
