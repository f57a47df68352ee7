/** What the tables know of a relay, asked once for all who look at its page within some seconds. */
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Range } from '../ranges.ts'
import type { ObservatoryApiDeps, RecordsReader } from './deps.ts'
import type { RelayRecords } from './figures/show-relays.ts'

const HOLD_MS = 10_000
const MAX_HELD = 500
/** Lines of the log on one page. */
const LOG_LINES = 100

interface Held {
  readonly untilMs: number
  readonly records: Promise<RelayRecords | undefined>
}

export class RelayRecordsDesk {
  readonly #reader: () => RecordsReader | undefined
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #held = new Map<string, Held>()

  constructor({ records, clock, logger }: Pick<ObservatoryApiDeps, 'records' | 'clock' | 'logger'>) {
    this.#reader = records
    this.#clock = clock
    this.#logger = logger
  }

  /** Undefined while the database does not answer: the figures are in memory, and shown without these. */
  async of(url: string, range: Range): Promise<RelayRecords | undefined> {
    const reader = this.#reader()
    if (reader === undefined) return undefined
    const name = `${range} ${url}`
    const held = this.#held.get(name)
    if (held !== undefined && held.untilMs > this.#clock.nowMs()) return held.records
    const records = read(reader, url, range, this.#clock.nowSeconds()).catch((err: unknown) => {
      this.#logger.warn({ err }, 'observatory.relay_records_unread')
      return undefined
    })
    this.#held.delete(name)
    for (const first of this.#held.keys()) {
      if (this.#held.size < MAX_HELD) break
      this.#held.delete(first)
    }
    this.#held.set(name, { records, untilMs: this.#clock.nowMs() + HOLD_MS })
    return records
  }
}

async function read(
  reader: RecordsReader,
  url: string,
  range: Range,
  nowSeconds: number,
): Promise<RelayRecords> {
  const [history, logs, monitors] = await Promise.all([
    reader.relayHistory(url, range, nowSeconds),
    reader.relayLogs(url, LOG_LINES),
    reader.monitors(url),
  ])
  return { history, logs, monitors }
}
