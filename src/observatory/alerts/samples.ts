import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import type { Range } from '../ranges.ts'
import type { Figure, IndexedSnapshot } from './figure.ts'

/** How often figures are remembered; a comparison may be off by that. */
export const SAMPLE_SECONDS = 300
/** The longest comparison, a week, and a little. */
const KEEP_SECONDS = 7 * 86_400 + 2 * SAMPLE_SECONDS

interface Sample {
  readonly at: number
  readonly value: number
}

/** What figures were: in the table, so that a restart knows it, and in memory, where it is asked for every second. */
export class FigureSamples {
  readonly #db: Kysely<Tables>
  readonly #samples = new Map<string, Sample[]>()
  readonly #lastAt = new Map<Range, number>()

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** Reads what was remembered. */
  async load(nowSeconds: number): Promise<void> {
    const rows = await this.#db
      .selectFrom('observatory_alert_samples')
      .selectAll()
      .where('at', '>', BigInt(nowSeconds - KEEP_SECONDS))
      .orderBy('at')
      .execute()
    this.#samples.clear()
    for (const { at, range, figure, value } of rows)
      this.#add(`${range} ${figure}`, { at: Number(at), value })
  }

  /** The newest value that is at least so old, and not much older; undefined when there is none. */
  past(range: Range, path: string, minutes: number, nowSeconds: number): number | undefined {
    const wanted = nowSeconds - minutes * 60
    const found = this.#samples.get(`${range} ${path}`)?.findLast(({ at }) => at <= wanted)
    return found !== undefined && found.at > wanted - 2 * SAMPLE_SECONDS ? found.value : undefined
  }

  /** Remembers figures of a snapshot, when it is time. Twice the same is harmless. */
  async note(figures: readonly Figure[], snapshot: IndexedSnapshot): Promise<void> {
    const { range, atSeconds } = snapshot.snapshot
    const at = Math.floor(atSeconds / SAMPLE_SECONDS) * SAMPLE_SECONDS
    if (this.#lastAt.get(range) === at) return
    const rows = figures.flatMap((figure) => {
      const value = figure.read(snapshot)
      return value === undefined
        ? []
        : [{ range, figure: figure.path, at: BigInt(atSeconds), value: Number(value) }]
    })
    if (rows.length > 0) {
      await this.#db
        .insertInto('observatory_alert_samples')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    for (const row of rows) this.#add(`${range} ${row.figure}`, { at: atSeconds, value: row.value })
    this.#lastAt.set(range, at)
  }

  /** Forgets what nobody compares with any more, and figures that no rule names. */
  async sweep(named: ReadonlySet<string>, nowSeconds: number): Promise<void> {
    for (const key of this.#samples.keys()) if (!named.has(key)) this.#samples.delete(key)
    await this.#db
      .deleteFrom('observatory_alert_samples')
      .where('at', '<', BigInt(nowSeconds - KEEP_SECONDS))
      .execute()
  }

  #add(key: string, sample: Sample): void {
    const samples = this.#samples.get(key) ?? []
    samples.push(sample)
    while ((samples[0]?.at ?? sample.at) < sample.at - KEEP_SECONDS) samples.shift()
    this.#samples.set(key, samples)
  }
}
