import type { Kysely } from 'kysely'
import type { Clock } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import type { GroupWriter } from './group-writer.ts'
import { expireTask } from './tasks.ts'

const SWEEP_EVERY_MS = 5_000
/** Reservations freed in one transaction. */
const PAGE = 1_000

export interface SweepDeps {
  readonly db: Kysely<Tables>
  readonly writer: GroupWriter
  readonly clock: Clock
  readonly logger: Logger
}

/** Frees what reservations hold whose time has come. Several processes may do it at once. */
export class Sweep {
  readonly #deps: SweepDeps
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(deps: SweepDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#sweepIn(0)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#sweeping
  }

  #sweepIn(pauseMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweep().finally(() => {
        if (!this.#isStopped) this.#sweepIn(SWEEP_EVERY_MS)
      })
    }, pauseMs)
    this.#timer.unref()
  }

  async #sweep(): Promise<void> {
    try {
      let isMore = true
      while (isMore && !this.#isStopped) isMore = (await this.#freePage()) === PAGE
    } catch (err) {
      // What is due stays due: the next sweep finds it, and whoever lacks the funds meanwhile frees them at once.
      this.#deps.logger.warn({ err }, 'ledger.sweep_failed')
    }
  }

  /** How many were freed. */
  async #freePage(): Promise<number> {
    const { db, writer, clock, logger } = this.#deps
    const due = await db
      .selectFrom('ledger_reservations')
      .select('key')
      .where('state', '=', 'open')
      .where('expires_at', '<=', BigInt(clock.nowSeconds()))
      .orderBy('expires_at')
      .limit(PAGE)
      .execute()
    if (due.length === 0) return 0
    const freed = await writer.run(due.map(({ key }) => expireTask(key)))
    const count = freed?.filter(Boolean).length ?? 0
    if (count > 0) logger.info({ reservations: count }, 'ledger.reservations_expired')
    return count
  }
}
