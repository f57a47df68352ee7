/** The observatory as its thread runs it, in this very process: for what takes the program minutes, since it is patient. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CollectorLimits,
  DEFAULT_COLLECTOR_SETTINGS,
  DEFAULT_KINDS,
} from '../../../src/observatory/collector/index.ts'
import { QUICK_LIMITS } from '../../../src/observatory/collector/testing/index.ts'
import { DEFAULT_INTAKE_LIMITS, type IntakeLimits } from '../../../src/observatory/intake/index.ts'
import { testDatabase } from '../../../src/platform/database/testing/index.ts'
import { createLogger } from '../../../src/platform/index.ts'
import { openWatch, type Watch, type WatchOptions } from '../../../src/stoa-watch.ts'
import { type Figures, snapshotFigures } from './plain-count.ts'
import type { WatchedNetwork } from './watched-network.ts'

export interface TestWatch {
  readonly watch: Watch
  readonly databaseUrl: string
}

export interface TestWatchOptions {
  /** Where each relay really is; these are the seeds, and nothing else is learnt. */
  readonly addresses: ReadonlyMap<string, string>
  readonly collector?: Partial<CollectorLimits>
  readonly intake?: Partial<IntakeLimits>
  /** Takes what is to be done at the end, the last one first. */
  readonly stops: (() => unknown)[]
}

export async function openTestWatch({
  addresses,
  collector,
  intake,
  stops,
}: TestWatchOptions): Promise<TestWatch> {
  const database = await testDatabase()
  stops.push(() => database.close())
  const dataDir = mkdtempSync(join(tmpdir(), 'stoa-watch-'))
  stops.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const options: WatchOptions = {
    databaseUrl: database.url,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 10_000,
    redisUrl: '',
    redisPrefix: '',
    processId: 'alone',
    dataDir,
    verifier: 'auto',
    seeds: [...addresses.keys()],
    own: undefined,
    collector: {
      ...DEFAULT_COLLECTOR_SETTINGS,
      kinds: DEFAULT_KINDS,
      // Some of them are kept for relays that have still to prove themselves.
      maxConnections: 20 + 2 * addresses.size,
      backfillSeconds: 0,
      discovers: false,
      aliases: addresses,
    },
    maxRelays: Math.max(100, addresses.size),
    maxUsers: 10_000,
    maxRelayUsers: 10_000,
    journalBytes: 16 * 1_048_576,
    checkZapSigners: false,
    forwardsAll: false,
    uncountedKinds: [],
    snapshotSeconds: 300,
    keepSnapshotsDays: 1,
    keepLogsDays: 1,
  }
  const watch = await openWatch(
    options,
    createLogger({ level: 'silent', format: 'json' }),
    { onChange: () => {}, onEvents: () => {} },
    {
      collector: { ...QUICK_LIMITS, ...collector },
      intake: { ...DEFAULT_INTAKE_LIMITS, ...intake },
    },
  )
  stops.push(() => watch.stop())
  return { watch, databaseUrl: database.url }
}

/** Of these relays; undefined while nothing is counted. */
export function figuresOf(watch: Watch, { urls }: WatchedNetwork): Figures | undefined {
  const kept = watch.snapshot('all')
  return kept === undefined ? undefined : snapshotFigures(kept.snapshot, urls)
}
