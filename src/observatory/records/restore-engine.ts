/** The engine as it was behind the last transaction that was applied. */
import type { Logger } from '../../platform/index.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import type { RelayState } from '../relay-report.ts'
import { type AppliedRow, appliedBatches, lastApplied, readBatch } from './batches.ts'
import { newestCheckpoint } from './checkpoints.ts'
import type { Engine, EngineFactory } from './engine.ts'
import { daysWithFingerprints, fingerprintsOf } from './fingerprints.ts'
import { KnownRelays } from './known-relays.ts'
import type { Db } from './tables.ts'

/** Batches that are counted again at once; they are in memory together. */
const REPLAYED_AT_ONCE = 8
/** Days until now whose fingerprints are loaded at the start: what comes in is mostly of these. */
const RECENT_DAYS = 3

export interface RestoredEngine {
  readonly engine: Engine
  readonly relays: KnownRelays
  /** By relay and region, see `stateKey`. */
  readonly states: Map<string, RelayState>
  readonly applied: bigint
  readonly checkpoint: bigint
  readonly replayed: number
}

/** Under the term: until it is lost nobody else changes what is read here. */
export async function restoreEngine(
  db: Db,
  factory: EngineFactory,
  { nowSeconds, logger }: { readonly nowSeconds: number; readonly logger: Logger },
): Promise<RestoredEngine> {
  const checkpoint = await newestCheckpoint(db)
  const days = await daysWithFingerprints(db)
  const engine = checkpoint === undefined ? factory.create() : factory.restore(checkpoint.state, days)
  const relays = new KnownRelays(db, engine)
  await relays.look()
  const today = Math.floor(nowSeconds / SECONDS_PER_DAY)
  for (const day of days.filter((one) => one > today - RECENT_DAYS && one <= today + 1))
    engine.addFingerprints(day, await fingerprintsOf(db, day))
  const replayed = await replay(db, engine, checkpoint?.applied ?? 0n)
  const restored = {
    engine,
    relays,
    states: await regionStates(db),
    applied: await lastApplied(db),
    checkpoint: checkpoint?.number ?? 0n,
    replayed,
  }
  logger.info(
    {
      checkpoint: restored.checkpoint,
      applied: restored.applied,
      replayed,
      stateBytes: checkpoint?.state.byteLength ?? 0,
    },
    'observatory.restored',
  )
  return restored
}

/** What they change is in the tables already. @returns how many batches. */
async function replay(db: Db, engine: Engine, applied: bigint): Promise<number> {
  let behind: { readonly applied: bigint; readonly seq: bigint } = { applied, seq: MAX_SEQ }
  let replayed = 0
  for (;;) {
    const rows = await appliedBatches(db, behind, REPLAYED_AT_ONCE)
    for (const row of rows) await replayOne(db, engine, row)
    replayed += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < REPLAYED_AT_ONCE) return replayed
    behind = last
  }
}

/** Behind all batches of one number. */
const MAX_SEQ = 0x7fff_ffff_ffff_ffffn

async function replayOne(db: Db, engine: Engine, row: AppliedRow): Promise<void> {
  const { observations, reports, region } = readBatch(row)
  for (const day of engine.missingDays(observations))
    engine.addFingerprints(day, await fingerprintsOf(db, day))
  engine.apply(observations)
  engine.report(reports, region)
}

async function regionStates(db: Db): Promise<Map<string, RelayState>> {
  const rows = await db.selectFrom('relay_region_states').selectAll().execute()
  return new Map(rows.map(({ relay, region, state }) => [stateKey(relay, region), state]))
}

export function stateKey(relay: number, region: string): string {
  return `${relay} ${region}`
}
