/** The table `observation_batches` as the keeper reads and marks it. */
import { sql } from 'kysely'
import { PREPARED } from '../../platform/database/index.ts'
import { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'
import { listOf, storableText } from './storable.ts'
import type { Db, Tx } from './tables.ts'

/** Of observations that are read at once; one batch is read however large it is. */
const MAX_BYTES_AT_ONCE = 16 * 1024 * 1024
/** Batches that are removed by one statement. */
const REMOVED_AT_ONCE = 200
const MAX_REASON = 500
/**
 * A collector whose clock is further ahead of the database's is not believed: what it saw, it saw when it was delivered.
 * Otherwise events of tomorrow would be of today, and today's windows would be over.
 */
const MAX_CLOCK_AHEAD_SECONDS = 60

export interface BatchRow {
  readonly seq: bigint
  readonly region: string
  readonly observations: Buffer
  readonly reports: unknown
  /** When the database took it, by its own clock, in seconds since 1970. */
  readonly delivered: number
}

/** An applied one, of a checkpoint's successors. */
export interface AppliedRow extends BatchRow {
  readonly applied: bigint
}

export interface ReadBatch {
  readonly seq: bigint
  readonly region: string
  readonly observations: ObservationBatch
  readonly reports: readonly RelayReport[]
}

/** Those that wait to be counted, in order; a smaller number may come to light behind a larger one, and is found then. */
export async function waitingBatches(db: Db, atMost: number): Promise<readonly BatchRow[]> {
  const { rows } = await sql<BatchRow>`${PREPARED}
    SELECT seq, region, observations, reports, extract(epoch FROM delivered_at)::float8 AS delivered
    FROM observation_batches WHERE seq IN (
      SELECT seq FROM (
        SELECT seq, sum(octet_length(observations)) OVER (ORDER BY seq) - octet_length(observations) AS bytes_before
        FROM (
          SELECT seq, observations FROM observation_batches WHERE applied IS NULL AND set_aside IS NULL
          ORDER BY seq LIMIT ${atMost}
        ) waiting
      ) measured WHERE bytes_before < ${MAX_BYTES_AT_ONCE}
    ) ORDER BY seq`.execute(db)
  return rows
}

/** Those that were applied behind a number, in the order in which they were; a page of them. */
export async function appliedBatches(
  db: Db,
  behind: { readonly applied: bigint; readonly seq: bigint },
  atMost: number,
): Promise<readonly AppliedRow[]> {
  const { rows } = await sql<AppliedRow>`
    SELECT applied, seq, region, observations, reports, extract(epoch FROM delivered_at)::float8 AS delivered
    FROM observation_batches
    WHERE applied IS NOT NULL AND (applied, seq) > (${behind.applied}::bigint, ${behind.seq}::bigint)
    ORDER BY applied, seq LIMIT ${atMost}`.execute(db)
  return rows
}

/** @throws RangeError for a row that cannot be what a collector delivered. */
export function readBatch({ seq, region, observations, reports, delivered }: BatchRow): ReadBatch {
  if (!Array.isArray(reports) || !reports.every(isReport)) throw new RangeError('the reports are none')
  const latestSeconds = Math.ceil(delivered) + MAX_CLOCK_AHEAD_SECONDS
  const batch = ObservationBatch.decode(observations)
  for (let row = 0; row < batch.count; row++)
    if (batch.seenAt[row]! > latestSeconds) batch.seenAt[row] = latestSeconds
  const held = reports.map((report) => ({ ...report, atSeconds: Math.min(report.atSeconds, latestSeconds) }))
  return { seq, region, observations: batch, reports: held }
}

/** `table-sink.ts` writes no others; somebody else may have. */
function isReport(value: unknown): value is RelayReport {
  if (typeof value !== 'object' || value === null) return false
  const { relay, atSeconds, state, readMs, pingMs, offences } = value as Partial<
    Record<keyof RelayReport, unknown>
  >
  return (
    Number.isInteger(relay) &&
    Number.isInteger(atSeconds) &&
    typeof state === 'string' &&
    Array.isArray(readMs) &&
    Array.isArray(pingMs) &&
    typeof offences === 'object' &&
    offences !== null
  )
}

/** @returns how many were marked: none when an earlier attempt did it after all. */
export async function markApplied(tx: Tx, seqs: readonly bigint[], applied: bigint): Promise<number> {
  const { rows } = await sql`${PREPARED}
    UPDATE observation_batches SET applied = ${applied}::bigint
    WHERE seq = ANY(${listOf(seqs)}::bigint[]) AND applied IS NULL AND set_aside IS NULL RETURNING seq`.execute(
    tx,
  )
  return rows.length
}

/** Of these batches, how many are marked with the number. */
export async function countMarked(tx: Tx, seqs: readonly bigint[], applied: bigint): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*)::integer AS count FROM observation_batches
    WHERE seq = ANY(${listOf(seqs)}::bigint[]) AND applied = ${applied}::bigint`.execute(tx)
  return rows[0]?.count ?? 0
}

/** It is never counted, and kept to be looked at. To be called in a transaction. */
export async function setAside(tx: Tx, seq: bigint, reason: string): Promise<void> {
  await sql`
    UPDATE observation_batches SET set_aside = ${storableText(reason, MAX_REASON)}
    WHERE seq = ${seq} AND applied IS NULL`.execute(tx)
}

/** Those that both checkpoints hold; they are in the database before. */
export async function removeApplied(db: Db, until: bigint): Promise<void> {
  for (;;) {
    const { numAffectedRows = 0n } = await sql`
      DELETE FROM observation_batches WHERE seq IN (
        SELECT seq FROM observation_batches WHERE applied <= ${until}::bigint LIMIT ${REMOVED_AT_ONCE}
      )`.execute(db)
    if (numAffectedRows < BigInt(REMOVED_AT_ONCE)) return
  }
}

/** The largest number so far; 0 before the first. */
export async function lastApplied(db: Db): Promise<bigint> {
  const { rows } = await sql<{ last: bigint }>`
    SELECT greatest(
      (SELECT applied FROM observation_batches WHERE applied IS NOT NULL ORDER BY applied DESC LIMIT 1),
      (SELECT max(applied) FROM observatory_checkpoints), (SELECT max(applied) FROM observatory_damaged_checkpoints), 0
    ) AS last`.execute(db)
  return rows[0]?.last ?? 0n
}
