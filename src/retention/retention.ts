/** Retention of a running program: sweeps what has expired, and runs a pass now and then, in small steps. */
import { setTimeout as delay } from 'node:timers/promises'
import type { EventStore } from '../events/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { Logger } from '../platform/index.ts'
import type { RemovalReason } from './pass.ts'
import { PendingBytes } from './pending-bytes.ts'
import { parseRetention, type RetentionSettings, removesAnything } from './rules.ts'
import { type PassReport, runPass } from './run-pass.ts'

export interface RetentionDeps {
  readonly store: EventStore
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: RetentionSettings
  /** How often what has expired (NIP-40) is removed. */
  readonly sweepIntervalSeconds: number
}

export interface Retention {
  /** Takes over new rules from the next pass on. Throws `CONFIG_INVALID`, and nothing has changed then. */
  configure(settings: RetentionSettings): void
  /** Runs a pass now, or waits for the one that is under way. Never rejects: what went wrong is in the log. */
  runNow(): Promise<PassReport | undefined>
  sweepExpired(): Promise<number>
  stats(): RetentionStats
  /** Ends after the step in hand. */
  stop(): Promise<void>
}

export interface RetentionStats {
  readonly isRunning: boolean
  /** Whole passes since the start. */
  readonly passes: number
  readonly failures: number
  /** Events looked at by the pass under way, or by the last one. */
  readonly examined: number
  /** Since the start. */
  readonly removed: Readonly<Record<RemovalReason, number>>
  /** Bytes removed that the store has not given back to the disk yet, as far as can be told. */
  readonly pendingBytes: number
  /** Unix time in milliseconds; undefined before the first one ended. */
  readonly lastPassAtMs: number | undefined
}

/** After a step of t ms the store is left alone for so many times t. */
const REST_SHARE = 3
const MIN_REST_MS = 1
const MAX_REST_MS = 2_000
const PROGRESS_INTERVAL_MS = 30_000

/** Starts the timers. The first pass comes after one interval, so that a start is not held up. */
export function startRetention(deps: RetentionDeps): Retention {
  return new RunningRetention(deps)
}

class RunningRetention implements Retention {
  readonly #deps: RetentionDeps
  #settings: RetentionSettings
  #rules
  readonly #stopping = new AbortController()
  readonly #sweepTimer: NodeJS.Timeout
  #passTimer: NodeJS.Timeout
  #underWay: Promise<PassReport | undefined> | undefined
  #sweepUnderWay: Promise<number> | undefined
  readonly #removed: Record<RemovalReason, number> = { expired: 0, age: 0, count: 0, 'key-count': 0, disk: 0 }
  #passes = 0
  #failures = 0
  #examined = 0
  #lastPassAtMs: number | undefined
  readonly #disk = new PendingBytes()

  constructor(deps: RetentionDeps) {
    this.#deps = deps
    this.#settings = deps.settings
    this.#rules = parseRetention(deps.settings)
    this.#sweepTimer = setInterval(() => void this.sweepExpired(), deps.sweepIntervalSeconds * 1_000)
    this.#sweepTimer.unref()
    this.#passTimer = this.#schedule()
  }

  configure(settings: RetentionSettings): void {
    this.#rules = parseRetention(settings)
    const isIntervalNew = settings.intervalSeconds !== this.#settings.intervalSeconds
    this.#settings = settings
    if (!isIntervalNew || this.#stopping.signal.aborted) return
    clearInterval(this.#passTimer)
    this.#passTimer = this.#schedule()
  }

  runNow(): Promise<PassReport | undefined> {
    this.#underWay ??= this.#run().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  sweepExpired(): Promise<number> {
    this.#sweepUnderWay ??= this.#sweep().finally(() => {
      this.#sweepUnderWay = undefined
    })
    return this.#sweepUnderWay
  }

  stats(): RetentionStats {
    return {
      isRunning: this.#underWay !== undefined,
      passes: this.#passes,
      failures: this.#failures,
      examined: this.#examined,
      removed: { ...this.#removed },
      pendingBytes: this.#disk.bytes,
      lastPassAtMs: this.#lastPassAtMs,
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#sweepTimer)
    clearInterval(this.#passTimer)
    await this.#underWay
    await this.#sweepUnderWay
  }

  #schedule(): NodeJS.Timeout {
    const timer = setInterval(() => void this.runNow(), this.#settings.intervalSeconds * 1_000)
    timer.unref()
    return timer
  }

  async #run(): Promise<PassReport | undefined> {
    const { store, clock, logger } = this.#deps
    const rules = this.#rules
    if (!removesAnything(rules) || this.#stopping.signal.aborted) return undefined
    const startedMs = performance.now()
    this.#examined = 0
    this.#disk.observe(store.stats(), clock.nowMs())
    try {
      const report = await runPass({
        store,
        rules,
        nowSeconds: clock.nowSeconds(),
        signal: this.#stopping.signal,
        rest: this.#restAfterSteps(startedMs),
        pendingBytes: this.#disk.bytes,
        onStep: (examined) => {
          this.#examined += examined
        },
        onRemoved: ({ reason, events, bytes }) => {
          this.#removed[reason] += events
          this.#disk.removed(bytes)
        },
      })
      if (report.isWhole) this.#noteWhole(report, Math.round(performance.now() - startedMs))
      return report
    } catch (error) {
      this.#failures += 1
      logger.error({ err: error, examined: this.#examined }, 'retention.pass_failed')
      return undefined
    }
  }

  #noteWhole({ removed, examined, excessBytes }: PassReport, tookMs: number): void {
    const { clock, logger } = this.#deps
    this.#passes += 1
    this.#lastPassAtMs = clock.nowMs()
    const events = removed.reduce((sum, more) => sum + more.events, 0)
    for (const { reason, rule, events: count, bytes } of removed) {
      logger.info({ reason, rule, events: count, bytes }, 'retention.removed')
    }
    logger.info({ events, examined, tookMs }, 'retention.pass_finished')
    if (excessBytes > 0) logger.warn({ excessBytes }, 'retention.disk_cap_not_reached')
  }

  /** Rests longer the longer a step took: a store that is busy is asked less often. */
  #restAfterSteps(startedMs: number): () => Promise<void> {
    const { signal } = this.#stopping
    let stepStartedMs = startedMs
    let toldMs = startedMs
    return async () => {
      const nowMs = performance.now()
      if (nowMs - toldMs > PROGRESS_INTERVAL_MS) {
        toldMs = nowMs
        this.#deps.logger.info(
          { examined: this.#examined, removed: { ...this.#removed } },
          'retention.progress',
        )
      }
      const restMs = Math.min(MAX_REST_MS, Math.max(MIN_REST_MS, (nowMs - stepStartedMs) * REST_SHARE))
      // A stop ends the rest; the loop that waits here looks at the signal itself.
      await delay(restMs, undefined, { signal }).catch(() => undefined)
      stepStartedMs = performance.now()
    }
  }

  async #sweep(): Promise<number> {
    const { store, clock, logger } = this.#deps
    if (this.#stopping.signal.aborted) return 0
    try {
      const events = await store.sweepExpired(clock.nowSeconds())
      this.#removed.expired += events
      if (events > 0) logger.info({ events }, 'store.expired_swept')
      return events
    } catch (error) {
      this.#failures += 1
      logger.error({ err: error }, 'store.sweep_failed')
      return 0
    }
  }
}
