/** What tests of the observatory's tables use. */
import { sql } from 'kysely'
import { pino } from 'pino'
import { type Clock, createManualClock } from '../../../kernel/index.ts'
import type { LeaderTerm } from '../../../platform/leadership/index.ts'
import type { EngineFactory } from '../engine.ts'
import { type Keeper, type KeeperSettings, openKeeper, tableDirectory } from '../index.ts'
import type { Db } from '../tables.ts'
import { NOW_SECONDS, RELAY_URLS } from './deliveries.ts'
import { plainEngines } from './plain-engine.ts'

export { NOW_SECONDS, plainCount, plannedDelivery, RELAY_URLS } from './deliveries.ts'
export { plainEngines } from './plain-engine.ts'
export { tablesCount } from './tables-count.ts'

const SETTINGS: KeeperSettings = {
  snapshotSeconds: 300,
  maxBatchesAtOnce: 20,
  keepSnapshotsDays: 30,
  keepLogsDays: 30,
}

/** A new term without seeking the lead: what an earlier one was writing is there by now, or never will be. */
export async function beginTestTerm(db: Db): Promise<LeaderTerm> {
  const { rows } = await sql<{ term: bigint }>`
    UPDATE observatory_leadership_terms SET term = term + 1 RETURNING term`.execute(db)
  return { duty: 'observatory', term: Number(rows[0]?.term) }
}

export interface TestKeeperOptions {
  readonly clock?: Clock
  readonly term?: LeaderTerm
  readonly engine?: EngineFactory
  readonly settings?: Partial<KeeperSettings>
}

export async function testKeeper(
  db: Db,
  { clock = testClock(), term, engine = plainEngines, settings = {} }: TestKeeperOptions = {},
): Promise<Keeper> {
  return openKeeper({
    db,
    engine,
    clock,
    term: term ?? (await beginTestTerm(db)),
    logger: pino({ level: 'silent' }),
    settings: { ...SETTINGS, ...settings },
  })
}

export function testClock() {
  return createManualClock(NOW_SECONDS * 1_000)
}

/** The numbers of `RELAY_URLS`. */
export async function learnRelays(db: Db): Promise<readonly number[]> {
  const entries = await tableDirectory(db, { maxRelays: 100 }).learn(RELAY_URLS, 'seed')
  return entries.map(({ relay }) => relay)
}
