/** Requests by key and day: counted in memory, written together once in some seconds. */
import { type Kysely, sql } from 'kysely'
import type { Clock } from '../../../kernel/index.ts'
import type { Tables } from '../../../platform/database/index.ts'
import { SECONDS_PER_DAY } from '../../ranges.ts'
import './tables.ts'

/** Pairs of key and day that wait to be written; requests of further ones are not counted. */
export const MAX_WAITING = 20_000
/** After that many days usage is forgotten. */
export const USAGE_DAYS = 400

export interface DayUsage {
  /** Days since 1970. */
  readonly day: number
  readonly requests: number
}

export class UsageCounts {
  readonly #db: Kysely<Tables>
  readonly #clock: Clock
  #waiting = new Map<string, number>()
  #writing: Promise<void> | undefined

  constructor(db: Kysely<Tables>, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  note(keyId: string, requests: number): void {
    this.#add(`${this.#today()} ${keyId}`, requests)
  }

  /** Writes what waits. Rejects when it cannot, and keeps it for the next time; a write whose end nobody knows may count twice. */
  async flush(): Promise<void> {
    // One at a time, so that two writes never wait for each other's rows.
    while (this.#writing !== undefined) await this.#writing.catch(() => {})
    if (this.#waiting.size === 0) return
    const batch = this.#waiting
    this.#waiting = new Map()
    this.#writing = this.#write(batch)
    try {
      await this.#writing
    } catch (error) {
      for (const [name, requests] of batch) this.#add(name, requests)
      throw error
    } finally {
      this.#writing = undefined
    }
  }

  /** Newest first; with what this process has not written yet. */
  async of(keyId: string, days: number): Promise<readonly DayUsage[]> {
    const today = this.#today()
    const rows = await this.#db
      .selectFrom('observatory_api_usage')
      .select(['day', 'requests'])
      .where('key_id', '=', keyId)
      .where('day', '>', today - days)
      .execute()
    const counts = new Map(rows.map(({ day, requests }) => [day, Number(requests)]))
    for (let day = today - days + 1; day <= today; day++) {
      const waiting = this.#waiting.get(`${day} ${keyId}`)
      if (waiting !== undefined) counts.set(day, (counts.get(day) ?? 0) + waiting)
    }
    return Array.from(counts, ([day, requests]) => ({ day, requests })).toSorted((a, b) => b.day - a.day)
  }

  async forgetOld(): Promise<void> {
    await this.#db
      .deleteFrom('observatory_api_usage')
      .where('day', '<', this.#today() - USAGE_DAYS)
      .execute()
  }

  #today(): number {
    return Math.floor(this.#clock.nowSeconds() / SECONDS_PER_DAY)
  }

  #add(name: string, requests: number): void {
    const before = this.#waiting.get(name)
    if (before === undefined && this.#waiting.size >= MAX_WAITING) return
    this.#waiting.set(name, (before ?? 0) + requests)
  }

  async #write(batch: ReadonlyMap<string, number>): Promise<void> {
    // In one order for all processes, so that two of them never wait for each other.
    const rows = [...batch].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const days = rows.map(([name]) => Number(name.split(' ', 1)[0]))
    const keys = rows.map(([name]) => name.slice(name.indexOf(' ') + 1))
    const requests = rows.map(([, count]) => count)
    await sql`
      INSERT INTO observatory_api_usage (key_id, day, requests)
      SELECT * FROM unnest(${keys}::text[], ${days}::integer[], ${requests}::bigint[])
      ON CONFLICT (key_id, day) DO UPDATE SET requests = observatory_api_usage.requests + excluded.requests
    `.execute(this.#db)
  }
}
