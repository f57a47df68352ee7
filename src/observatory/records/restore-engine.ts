/** The engine as it was behind the last transaction that was applied. */
import { AppError } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import type { RelayState } from '../relay-report.ts'
import { type AppliedRow, appliedBatches, lastApplied, readBatch } from './batches.ts'
import {
  type CheckpointPlace,
  checkpointPlaces,
  lastCheckpointNumber,
  markUnreadable,
  readCheckpoint,
  setCheckpointAside,
} from './checkpoints.ts'
import type { Engine, EngineFactory } from './engine.ts'
import { daysWithFingerprints, fingerprintsOf, loadMissingDays } from './fingerprints.ts'
import { type FirstDay, firstDayOf, readFirstDays, readTooOld, withoutTooOld } from './first-day.ts'
import { KnownRelays } from './known-relays.ts'
import { requireTerm } from './require-term.ts'
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
  /** The one that it began with; undefined where it began with nothing. */
  readonly checkpoint: CheckpointPlace | undefined
  /** The next checkpoint's number is behind it. */
  readonly lastCheckpoint: bigint
  /** The first day that counts, and how many observations were of earlier ones. */
  readonly firstDay: number
  readonly tooOld: number
  readonly replayed: number
}

export interface RestoreOptions {
  readonly nowSeconds: number
  readonly logger: Logger
  readonly term: LeaderTerm
}

/**
 * Under the term: until it is lost nobody else changes what is read here.
 *
 * @throws AppError OBSERVATORY_STATE_DAMAGED when neither the newest checkpoint nor the one before it can be read, which the database
 *   says from then on; LEADERSHIP_LOST.
 */
export async function restoreEngine(
  db: Db,
  factory: EngineFactory,
  { nowSeconds, logger, term }: RestoreOptions,
): Promise<RestoredEngine> {
  const { engine, days, checkpoint, stateBytes } = await readState(db, factory, { logger, term })
  const relays = new KnownRelays(db, engine)
  await relays.look()
  const today = Math.floor(nowSeconds / SECONDS_PER_DAY)
  for (const day of days.filter((one) => one > today - RECENT_DAYS && one <= today + 1))
    engine.addFingerprints(day, await fingerprintsOf(db, day))
  const firstDays = await readFirstDays(db)
  const replayed = await replay(db, engine, { applied: checkpoint?.applied ?? 0n, firstDays })
  const applied = await lastApplied(db)
  const lastCheckpoint = await lastCheckpointNumber(db)
  logger.info({ checkpoint: checkpoint?.number, applied, replayed, stateBytes }, 'observatory.restored')
  return {
    engine,
    relays,
    states: await regionStates(db),
    applied,
    checkpoint,
    lastCheckpoint,
    firstDay: firstDayOf(firstDays, applied),
    tooOld: await readTooOld(db),
    replayed,
  }
}

interface ReadState {
  readonly engine: Engine
  /** Of which fingerprints are in the database. */
  readonly days: readonly number[]
  readonly checkpoint: CheckpointPlace | undefined
  readonly stateBytes: number
}

/** From the newest checkpoint that can be read. The one that cannot is set aside: batches since the one before it are all there. */
async function readState(
  db: Db,
  factory: EngineFactory,
  { logger, term }: Pick<RestoreOptions, 'logger' | 'term'>,
): Promise<ReadState> {
  const places = await checkpointPlaces(db)
  if (places.length === 0) return beginState(db, factory)
  let failure: AppError | undefined
  for (const place of places) {
    const read = await tryState(db, factory, place)
    if (read instanceof AppError) {
      logger.error({ err: read, checkpoint: place.number }, 'observatory.checkpoint_unreadable')
      failure ??= read
      continue
    }
    const reason = failure?.message
    await db.transaction().execute(async (tx) => {
      await requireTerm(tx, term)
      if (reason !== undefined) await setCheckpointAside(tx, place.number + 1n, reason)
      await markUnreadable(tx, undefined)
    })
    if (reason !== undefined) logger.error({ from: place.number, reason }, 'observatory.checkpoint_set_aside')
    return read
  }
  const { message } = failure!
  await db.transaction().execute(async (tx) => {
    await requireTerm(tx, term)
    await markUnreadable(tx, message)
  })
  throw failure!
}

/** Before the first checkpoint, or when the figures were begun anew: then fingerprints are there, and nothing is added twice. */
async function beginState(db: Db, factory: EngineFactory): Promise<ReadState> {
  const days = await daysWithFingerprints(db, await lastCheckpointNumber(db))
  const begun = factory.create()
  const engine = days.length === 0 ? begun : factory.restore(begun.checkpoint().state, days)
  return { engine, days, checkpoint: undefined, stateBytes: 0 }
}

/** What the database itself has against it is thrown. */
async function tryState(
  db: Db,
  factory: EngineFactory,
  checkpoint: CheckpointPlace,
): Promise<ReadState | AppError> {
  const days = await daysWithFingerprints(db, checkpoint.number)
  const state = await readCheckpoint(db, checkpoint.number).catch((error: unknown) => {
    if (isDamage(error)) return error
    throw error
  })
  if (state instanceof AppError) return state
  try {
    return { engine: factory.restore(state, days), days, checkpoint, stateBytes: state.byteLength }
  } catch (error) {
    // It reads nothing but these bytes: whatever it stumbles over is in them.
    return isDamage(error)
      ? error
      : new AppError('OBSERVATORY_STATE_DAMAGED', 'A checkpoint of the statistics cannot be read.', {
          facts: { checkpoint: checkpoint.number },
          cause: error,
        })
  }
}

export function isDamage(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'OBSERVATORY_STATE_DAMAGED'
}

interface ReplayFrom {
  readonly applied: bigint
  readonly firstDays: readonly FirstDay[]
}

/** What they change is in the tables already. @returns how many batches. */
async function replay(db: Db, engine: Engine, { applied, firstDays }: ReplayFrom): Promise<number> {
  let behind: { readonly applied: bigint; readonly seq: bigint } = { applied, seq: MAX_SEQ }
  let replayed = 0
  for (;;) {
    const rows = await appliedBatches(db, behind, REPLAYED_AT_ONCE)
    for (const row of rows) await replayOne(db, engine, { row, firstDay: firstDayOf(firstDays, row.applied) })
    replayed += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < REPLAYED_AT_ONCE) return replayed
    behind = last
  }
}

/** Behind all batches of one number. */
const MAX_SEQ = 0x7fff_ffff_ffff_ffffn

async function replayOne(
  db: Db,
  engine: Engine,
  { row, firstDay }: { readonly row: AppliedRow; readonly firstDay: number },
): Promise<void> {
  const { observations, reports, region } = readBatch(row)
  const { batch } = withoutTooOld(observations, firstDay)
  await loadMissingDays(db, engine, batch)
  engine.apply(batch)
  engine.report(reports, region)
}

async function regionStates(db: Db): Promise<Map<string, RelayState>> {
  const rows = await db.selectFrom('relay_region_states').selectAll().execute()
  return new Map(rows.map(({ relay, region, state }) => [stateKey(relay, region), state]))
}

export function stateKey(relay: number, region: string): string {
  return `${relay} ${region}`
}
