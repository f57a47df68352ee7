/** What is done with the figures each second: relays are known by them, and the one process that keeps them looks at alerts. */
import type { Alerts } from './observatory/alerts/index.ts'
import { RANGES, type Snapshot, type StatisticsSource } from './observatory/index.ts'
import type { MonitoredRelay } from './observatory/monitor/index.ts'
import type { Logger } from './platform/index.ts'

export interface KeepersWorkDeps {
  readonly source: StatisticsSource
  readonly isKeeper: () => boolean
  /** Undefined until the database and the job runner are there. */
  readonly alerts: () => Alerts | undefined
  readonly logger: Logger
}

export interface KeepersWork {
  /** What is known of relays now, as a monitor publishes and compares it; empty while there are no figures. */
  relays(): readonly MonitoredRelay[]
  stop(): Promise<void>
}

const LOOK_MS = 1_000
/** Alerts on the longer ranges are looked at every so many looks: those move slowly. */
const LONGER_RANGES_EVERY = 30

export function startKeepersWork(deps: KeepersWorkDeps): KeepersWork {
  const work = new Work(deps)
  const timer = setInterval(() => void work.look(), LOOK_MS)
  timer.unref()
  return {
    relays: () => work.relays,
    stop: async () => {
      clearInterval(timer)
      await work.stop()
    },
  }
}

class Work {
  readonly #deps: KeepersWorkDeps
  #looking: Promise<void> | undefined
  #looks = 0
  relays: readonly MonitoredRelay[] = []

  constructor(deps: KeepersWorkDeps) {
    this.#deps = deps
  }

  /** One look at a time. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch((err: unknown) => this.#deps.logger.warn({ err }, 'observatory.look_failed'))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async stop(): Promise<void> {
    await this.#looking
  }

  async #lookOnce(): Promise<void> {
    const { source, isKeeper, alerts } = this.#deps
    const current = await source.snapshot('24h')
    if (current !== undefined) this.relays = current.snapshot.relays.map(monitored)
    if (!isKeeper() || current === undefined) return
    const desk = alerts()
    if (desk === undefined) return
    await desk.observe(current.snapshot)
    if (this.#looks++ % LONGER_RANGES_EVERY !== 0) return
    for (const range of RANGES) {
      const other = range === '24h' ? undefined : await source.snapshot(range)
      if (other !== undefined) await desk.observe(other.snapshot)
    }
  }
}

function monitored({ url, state, latencyP50Ms, information }: Snapshot['relays'][number]): MonitoredRelay {
  return { url, isProven: true, state, rttReadMs: latencyP50Ms, information }
}
