import type { Clock } from '../../../kernel/index.ts'
import { createLogger } from '../../../platform/index.ts'
import type { Offence, RelayReport, RelayState } from '../../relay-report.ts'
import { type CollectorDeps, openCollector } from '../collector.ts'
import type { Collector, RelayStatus } from '../collector-figures.ts'
import type { CollectorLimits, CollectorSettings } from '../collector-settings.ts'
import { DEFAULT_COLLECTOR_SETTINGS } from '../collector-settings.ts'
import { DEFAULT_KINDS } from '../kind-lanes.ts'
import { lonelyMembers } from '../members.ts'
import { createMemoryDirectory, type MemoryDirectory } from './memory-directory.ts'
import { createPlainIntake, type PlainIntake } from './plain-intake.ts'
import { QUICK_LIMITS } from './quick-limits.ts'

export interface TestCollectorOptions extends Partial<Pick<CollectorDeps, 'own' | 'members' | 'resolve'>> {
  readonly seeds?: readonly string[]
  readonly directory?: MemoryDirectory
  readonly intake?: PlainIntake
  readonly settings?: Partial<CollectorSettings>
  readonly limits?: Partial<CollectorLimits>
  readonly clock?: Clock
}

export interface TestCollector {
  readonly collector: Collector
  readonly directory: MemoryDirectory
  readonly intake: PlainIntake
  /** Takes what is to be reported now, and does with it as is done all the time. */
  deliver(): void
  /** All so far; what they say is in the directory, too. */
  readonly reports: readonly RelayReport[]
  statusOf(url: string): RelayStatus
  stateOf(url: string): RelayState
  offencesOf(url: string): Readonly<Partial<Record<Offence, number>>>
  /** Ids that the relay has shown. */
  idsOf(url: string): ReadonlySet<string>
  /** As a crash: what was not reported is lost. */
  crash(): Promise<void>
  stop(): Promise<void>
}

const DELIVERY_MS = 50

/** A clock that goes, and can be set ahead. */
export interface JumpingClock extends Clock {
  jumpSeconds(seconds: number): void
}

export function createJumpingClock(): JumpingClock {
  let aheadMs = 0
  return {
    nowMs: () => Date.now() + aheadMs,
    nowSeconds: () => Math.floor((Date.now() + aheadMs) / 1_000),
    jumpSeconds: (seconds) => {
      aheadMs += seconds * 1_000
    },
  }
}

/** A collector over loopback, whose reports go to its directory as the keeper would put them there. */
export async function openTestCollector(options: TestCollectorOptions = {}): Promise<TestCollector> {
  const directory = options.directory ?? createMemoryDirectory()
  const intake = options.intake ?? (await createPlainIntake())
  const reports: RelayReport[] = []
  const { own, resolve } = options
  const collector = await openCollector({
    directory,
    intake,
    seeds: options.seeds ?? [],
    settings: {
      ...DEFAULT_COLLECTOR_SETTINGS,
      kinds: DEFAULT_KINDS,
      allowPrivate: true,
      ...options.settings,
    },
    members: options.members ?? lonelyMembers('alone'),
    clock: options.clock ?? createJumpingClock(),
    logger: createLogger({ level: 'silent', format: 'json' }),
    limits: { ...QUICK_LIMITS, ...options.limits },
    random: () => 0.5,
    ...(own !== undefined && { own }),
    ...(resolve !== undefined && { resolve }),
  })
  const deliver = () => {
    const taken = collector.takeReports()
    reports.push(...taken)
    directory.apply(taken)
  }
  const timer = setInterval(deliver, DELIVERY_MS)
  const statusOf = (url: string) => {
    const status = collector.relays().find((relay) => relay.url === url)
    if (status === undefined) throw new Error(`${url} is not read by this collector`)
    return status
  }
  const crash = async () => {
    clearInterval(timer)
    await collector.stop()
  }
  return {
    collector,
    directory,
    intake,
    deliver,
    reports,
    statusOf,
    stateOf: (url) => statusOf(url).state,
    offencesOf: (url) => statusOf(url).offences,
    idsOf: (url) => intake.byRelay.get(directory.entryOf(url).relay) ?? new Set(),
    crash,
    stop: async () => {
      await crash()
      deliver()
    },
  }
}
