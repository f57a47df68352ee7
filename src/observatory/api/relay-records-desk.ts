/**
 * What the tables know of a relay, asked once for all who look at its page within some seconds. When that is over it is shown
 * for a while more, and asked again meanwhile: nobody waits for what somebody has seen just before.
 */
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Range } from '../ranges.ts'
import type { ObservatoryApiDeps, RecordsReader } from './deps.ts'
import type { RelayRecords } from './figures/show-relays.ts'

const HOLD_MS = 10_000
/** So long after that it may still be shown while it is asked again. */
const STALE_MS = 50_000
const MAX_HELD = 500
/** Lines of the log on one page. */
const LOG_LINES = 100

interface Held {
  readonly askedAtMs: number
  readonly records: Promise<RelayRecords | undefined>
  /** It is asked again. */
  isOld: boolean
}

interface Asked {
  /** Under which it is held. */
  readonly name: string
  readonly url: string
  readonly range: Range
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
    const ageMs = held === undefined ? Number.POSITIVE_INFINITY : this.#clock.nowMs() - held.askedAtMs
    if (held === undefined || ageMs >= HOLD_MS + STALE_MS) return this.#ask(reader, { name, url, range })
    if (ageMs >= HOLD_MS && !held.isOld) {
      held.isOld = true
      void this.#askAgain(reader, { name, url, range })
    }
    return held.records
  }

  #ask(reader: RecordsReader, asked: Asked): Promise<RelayRecords | undefined> {
    const records = this.#read(reader, asked)
    this.#hold(asked.name, records, this.#clock.nowMs())
    return records
  }

  /** What was there stays until there is a new answer. */
  async #askAgain(reader: RecordsReader, asked: Asked): Promise<void> {
    const askedAtMs = this.#clock.nowMs()
    const records = this.#read(reader, asked)
    if ((await records) !== undefined) this.#hold(asked.name, records, askedAtMs)
  }

  /** Never rejects. */
  async #read(reader: RecordsReader, { url, range }: Asked): Promise<RelayRecords | undefined> {
    try {
      return await read(reader, url, range, this.#clock.nowSeconds())
    } catch (err) {
      this.#logger.warn({ err }, 'observatory.relay_records_unread')
      return undefined
    }
  }

  #hold(name: string, records: Promise<RelayRecords | undefined>, askedAtMs: number): void {
    this.#held.delete(name)
    for (const first of this.#held.keys()) {
      if (this.#held.size < MAX_HELD) break
      this.#held.delete(first)
    }
    this.#held.set(name, { records, askedAtMs, isOld: false })
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
