/** Keeping the figures, in the one process that leads in it: they are counted there, and put where the others read them. */
import { systemClock } from './kernel/index.ts'
import { RANGES } from './observatory/index.ts'
import { encodeSnapshot, type Keeper, type KeeperSettings, openKeeper } from './observatory/records/index.ts'
import { StatisticsEngine } from './observatory/statistics/index.ts'
import type { Bus } from './platform/bus/index.ts'
import type { Database } from './platform/database/index.ts'
import type { Logger } from './platform/index.ts'
import { startLeadership } from './platform/leadership/index.ts'
import { DELIVERED_CHANNEL, FIGURES_CHANNEL, figuresKey } from './stoa-observatory-channels.ts'
import { paced } from './stoa-paced.ts'

/** One transaction of the keeper counts so many deliveries at most. */
const MAX_BATCHES_AT_ONCE = 16
/** Other processes read the figures there; the names are those of document 001. */
const SHARED_FIGURES_TTL_MS = 3_600_000
/** How often the figures are put there, at most. */
const SHARE_INTERVAL_MS = 500
/** How often it is looked whether they have changed with the time alone. */
const LOOK_INTERVAL_MS = 1_000

/** What an operator decides of it. */
export interface KeepingOptions extends Omit<KeeperSettings, 'maxBatchesAtOnce'> {
  readonly maxUsers: number
  readonly maxRelayUsers: number
  readonly maxRelays: number
}

export interface KeepingDeps {
  readonly db: Database['db']
  readonly bus: Bus
  readonly databaseUrl: string
  /** The figures have changed. */
  readonly onChange: (version: string) => void
  readonly logger: Logger
}

export interface Keeping {
  /** Undefined while another process keeps the figures. */
  current(): Keeper | undefined
  stop(): Promise<void>
}

/** Seeks the lead in keeping the figures; whoever has it is the keeper. */
export function seekToKeep(options: KeepingOptions, deps: KeepingDeps): Keeping {
  const { db, bus, databaseUrl, onChange, logger } = deps
  const limits = {
    maxUsers: options.maxUsers,
    maxRelayUsers: options.maxRelayUsers,
    maxRelays: options.maxRelays,
  }
  let keeper: Keeper | undefined
  let stopSharing = (): void => {}
  const leadership = startLeadership({
    databaseUrl: Promise.resolve(databaseUrl),
    duty: 'observatory',
    logger,
    duties: {
      begin: async (term) => {
        const opened = await openKeeper({
          db,
          engine: {
            create: () => new StatisticsEngine(limits),
            restore: (state, knownDays) => StatisticsEngine.restore(state, knownDays, limits),
          },
          term: { duty: 'observatory', term },
          clock: systemClock,
          logger,
          settings: { ...options, maxBatchesAtOnce: MAX_BATCHES_AT_ONCE },
        })
        keeper = opened
        const stopTelling = opened.onChange(() => onChange(opened.version()))
        const delivered = bus.subscribe(DELIVERED_CHANNEL, () => opened.look())
        const stop = shareFigures(opened, bus)
        stopSharing = () => {
          delivered.stop()
          stopTelling()
          stop()
        }
      },
      end: async () => {
        stopSharing()
        stopSharing = () => {}
        const ending = keeper
        keeper = undefined
        await ending?.stop()
      },
    },
  })
  return { current: () => keeper, stop: () => leadership.stop() }
}

/** Puts the figures where other processes read them, when they have changed, and no oftener than they may be. */
function shareFigures(keeper: Keeper, bus: Bus): () => void {
  if (bus.status().kind === 'memory') return () => {}
  let shared = ''
  const share = paced(() => {
    const version = keeper.version()
    // While they are read back there are none, and nothing that changes.
    if (version === shared || keeper.stats().state !== 'keeping') return
    shared = version
    for (const range of RANGES) {
      const value = JSON.stringify({ version, snapshot: encodeSnapshot(keeper.snapshot(range)) })
      void bus.set(figuresKey(range), value, { ttlMs: SHARED_FIGURES_TTL_MS })
    }
    bus.publish(FIGURES_CHANNEL, Buffer.from(version))
  }, SHARE_INTERVAL_MS)
  const stopSharing = keeper.onChange(share)
  const timer = setInterval(share, LOOK_INTERVAL_MS)
  return () => {
    clearInterval(timer)
    stopSharing()
    share.stop()
  }
}
