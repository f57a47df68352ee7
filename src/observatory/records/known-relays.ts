/** Which relays the engine knows; the table has more by and by. */
import { sql } from 'kysely'
import type { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'
import type { Engine } from './engine.ts'
import { IS_DEAD } from './table-directory.ts'
import type { Db } from './tables.ts'

/** Relays that are read at once. */
const PAGE_ROWS = 5_000
/** Relays of one batch that are looked up by their numbers; a batch has fewer. */
const MAX_MISSING = 50_000

export class KnownRelays {
  readonly #db: Db
  readonly #engine: Engine
  readonly #known = new Set<number>()
  readonly #missing = new Set<number>()
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

  /**
   * Makes the engine know those that are new in the table: numbers come to light in their order (`table-directory.ts`). Dead
   * relays are left out, except those that a batch was about.
   */
  async look(): Promise<void> {
    await this.#lookForMissing()
    for (;;) {
      const rows = await this.#db
        .selectFrom('relays')
        .select(['id', 'url'])
        .where('id', '>', this.#last)
        .where(sql<boolean>`NOT ${IS_DEAD}`)
        .orderBy('id')
        .limit(PAGE_ROWS)
        .execute()
      for (const { id, url } of rows) {
        this.#know(id, url)
        this.#last = id
      }
      if (rows.length < PAGE_ROWS) return
    }
  }

  /** Whether the engine knows all of whom this is about; those that it does not are looked for by the next look. */
  knowsAllOf(observations: ObservationBatch, reports: readonly RelayReport[]): boolean {
    const { relay, count } = observations
    let knowsAll = true
    for (let row = 0; row < count; row++) knowsAll = this.#knows(relay[row]!) && knowsAll
    for (const report of reports) knowsAll = this.#knows(report.relay) && knowsAll
    return knowsAll
  }

  #knows(relay: number): boolean {
    if (this.#known.has(relay)) return true
    if (this.#missing.size < MAX_MISSING) this.#missing.add(relay)
    return false
  }

  /** They were dead when their numbers came to light, and are not any more; or were learnt since the last look. */
  async #lookForMissing(): Promise<void> {
    if (this.#missing.size === 0) return
    const missing = [...this.#missing]
    this.#missing.clear()
    const { rows } = await sql<{ id: number; url: string }>`
      SELECT id, url FROM relays WHERE id = ANY(${missing}::integer[]) ORDER BY id`.execute(this.#db)
    for (const { id, url } of rows) this.#know(id, url)
  }

  #know(relay: number, url: string): void {
    this.#engine.knowRelay({ relay, url })
    this.#known.add(relay)
  }
}
