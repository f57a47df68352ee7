/**
 * The first day (of `created_at`) that is counted. What is older could not be told from a repetition, since its fingerprints may
 * be gone: it is in no figure, and counted apart. Each transaction has its first day, which a replay keeps to.
 */
import { sql } from 'kysely'
import { ObservationBatch } from '../observation-batch.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import { NOSTR_BEGAN_SECONDS } from '../statistics/index.ts'
import type { Db, Tx } from './tables.ts'

/** Every day counts. */
export const EVERY_DAY = 0

/** Of transactions from `applied` on; `day` is in days since 1970. */
export interface FirstDay {
  readonly applied: bigint
  readonly day: number
}

/**
 * Days that fingerprints are kept; undefined for ever, where relays are read so far back that older events are no exception.
 *
 * @param backfillHours 0 for everything that a relay has.
 */
export function fingerprintsKeptDays({
  backfillHours,
  keepFingerprintsDays,
}: {
  readonly backfillHours: number
  readonly keepFingerprintsDays: number
}): number | undefined {
  return backfillHours === 0 || backfillHours > keepFingerprintsDays * 24 ? undefined : keepFingerprintsDays
}

/** Rising. */
export async function readFirstDays(db: Db): Promise<readonly FirstDay[]> {
  const { rows } = await sql<FirstDay>`
    SELECT applied, first_day - DATE '1970-01-01' AS day FROM observatory_first_days ORDER BY applied`.execute(
    db,
  )
  return rows
}

/** That of a transaction. @param firstDays rising. */
export function firstDayOf(firstDays: readonly FirstDay[], applied: bigint): number {
  return firstDays.findLast((row) => row.applied <= applied)?.day ?? EVERY_DAY
}

/** To be called in the first transaction that it holds for. */
export async function writeFirstDay(tx: Tx, { applied, day }: FirstDay): Promise<void> {
  await sql`
    INSERT INTO observatory_first_days (applied, first_day)
    VALUES (${applied}, DATE '1970-01-01' + ${day}::integer)`.execute(tx)
}

/** It never goes back. The clock of whichever machine is behind is believed: a first day that is too late costs figures. */
export async function nextFirstDay(
  db: Db,
  before: number,
  { keptDays, nowSeconds }: { readonly keptDays: number | undefined; readonly nowSeconds: number },
): Promise<number> {
  if (keptDays === undefined) return before
  const { rows } = await sql<{ now: number }>`SELECT extract(epoch FROM now())::float8 AS now`.execute(db)
  const seconds = Math.min(nowSeconds, rows[0]?.now ?? nowSeconds)
  return Math.max(before, Math.floor(seconds / SECONDS_PER_DAY) - keptDays)
}

/** What of a batch counts. What is dated before Nostr stays, for the engine to count apart. */
export function withoutTooOld(
  batch: ObservationBatch,
  firstDay: number,
): { readonly batch: ObservationBatch; readonly tooOld: number } {
  const since = firstDay * SECONDS_PER_DAY
  const isTooOld = (row: number) =>
    batch.createdAt[row]! < since && batch.createdAt[row]! >= NOSTR_BEGAN_SECONDS
  let tooOld = 0
  for (let row = 0; row < batch.count; row++) if (isTooOld(row)) tooOld++
  if (tooOld === 0) return { batch, tooOld }
  const rest = new ObservationBatch(batch.count - tooOld)
  for (let row = 0; row < batch.count; row++) if (!isTooOld(row)) rest.add(batch.at(row))
  return { batch: rest, tooOld }
}

/** To be called in the transaction that marks their batches. */
export async function addTooOld(tx: Tx, observations: number): Promise<void> {
  if (observations === 0) return
  await sql`UPDATE observatory_too_old SET observations = observations + ${observations}::bigint`.execute(tx)
}

/** Observations so far. */
export async function readTooOld(db: Db): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`SELECT observations::float8 AS count FROM observatory_too_old`.execute(db)
  return rows[0]?.count ?? 0
}

/** Rows of fingerprints that one statement removes, of 1 MiB at most, and statements of one call. */
const DROPPED_AT_ONCE = 64
const MAX_DROPS = 4

/**
 * Removes fingerprints of days that nobody may count any more, whichever of the kept checkpoints a restart begins from.
 * Harmless to repeat.
 *
 * @returns rows that are gone.
 */
export async function dropFingerprints(db: Db): Promise<number> {
  const since = sql`(
    SELECT applied FROM observatory_first_days
    WHERE applied <= (SELECT min(applied) FROM observatory_checkpoints) ORDER BY applied DESC LIMIT 1
  )`
  let dropped = 0
  for (let drop = 0; drop < MAX_DROPS; drop++) {
    const { numAffectedRows = 0n } = await sql`
      DELETE FROM observatory_fingerprints WHERE (day, part) IN (
        SELECT day, part FROM observatory_fingerprints
        WHERE day < (SELECT first_day FROM observatory_first_days WHERE applied = ${since})
        ORDER BY day, part LIMIT ${DROPPED_AT_ONCE}
      )`.execute(db)
    dropped += Number(numAffectedRows)
    if (numAffectedRows < BigInt(DROPPED_AT_ONCE)) break
  }
  await sql`DELETE FROM observatory_first_days WHERE applied < ${since}`.execute(db)
  return dropped
}
