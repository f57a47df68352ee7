/**
 * The state of the statistics in the database, so that a restart need not count everything again: the newest checkpoint, and the
 * one before it for when that cannot be read.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { AppError } from '../../kernel/index.ts'
import type { Checkpoint } from '../changes.ts'
import { dropFingerprintsBehind, inChunks, writeFingerprints } from './fingerprints.ts'
import { storableText } from './storable.ts'
import type { Db, Tx } from './tables.ts'

/** Where a checkpoint stands. */
export interface CheckpointPlace {
  /** Rises with each checkpoint. */
  readonly number: bigint
  /** Everything that was applied until this number is in it. */
  readonly applied: bigint
}

const MAX_REASON = 500

/**
 * To be called in a transaction. The same number again takes the place of what an earlier attempt may have written after all, and
 * has at least all that was in it.
 *
 * @param kept the one before it, which stays.
 */
export async function writeCheckpoint(
  tx: Tx,
  { number, applied }: CheckpointPlace,
  { state, fingerprints }: Checkpoint,
  kept: CheckpointPlace | undefined,
): Promise<void> {
  await sql`DELETE FROM observatory_checkpoints WHERE number <> ${kept?.number ?? 0n}`.execute(tx)
  const chunks = inChunks(state)
  for (const [chunk, body] of chunks.entries()) {
    await sql`
      INSERT INTO observatory_checkpoints (number, chunk, chunks, applied, body, digest)
      VALUES (${number}, ${chunk}, ${chunks.length}, ${applied}, ${body}, ${digestOf(body)})`.execute(tx)
  }
  await writeFingerprints(tx, number, fingerprints)
}

/** Newest first; two at most, of which pieces may be missing. */
export async function checkpointPlaces(db: Db): Promise<readonly CheckpointPlace[]> {
  const { rows } = await sql<CheckpointPlace>`
    SELECT number, max(applied) AS applied FROM observatory_checkpoints GROUP BY number ORDER BY number DESC`.execute(
    db,
  )
  return rows
}

/** @throws AppError OBSERVATORY_STATE_DAMAGED when a piece is missing, or is not as it was written. */
export async function readCheckpoint(db: Db, number: bigint): Promise<Uint8Array> {
  const rows = await db
    .selectFrom('observatory_checkpoints')
    .select(['chunk', 'chunks', 'body', 'digest'])
    .where('number', '=', number)
    .orderBy('chunk')
    .execute()
  const isWhole =
    rows.length > 0 && rows.every(({ chunk, chunks }, place) => chunk === place && chunks === rows.length)
  if (!isWhole)
    throw new AppError('OBSERVATORY_STATE_DAMAGED', 'Pieces of the checkpoint are missing.', {
      facts: { checkpoint: number, pieces: rows.length, wanted: rows[0]?.chunks ?? 0 },
    })
  const damaged = rows.find(({ body, digest }) => digest !== null && !digest.equals(digestOf(body)))
  if (damaged !== undefined)
    throw new AppError('OBSERVATORY_STATE_DAMAGED', 'The checkpoint is not as it was written.', {
      facts: { checkpoint: number, piece: damaged.chunk },
    })
  return Buffer.concat(rows.map(({ body }) => body))
}

function digestOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest()
}

/**
 * To be called in a transaction. The checkpoint is kept to be looked at, the newest such alone; fingerprints that came with it go,
 * since what it counted is counted again.
 */
export async function setCheckpointAside(tx: Tx, number: bigint, reason: string): Promise<void> {
  await moveCheckpoints(tx, number, reason)
  await dropFingerprintsBehind(tx, number - 1n)
}

/** To be called in a transaction. From a number on, out of the way of a restart. */
export async function moveCheckpoints(tx: Tx, from: bigint, reason: string): Promise<void> {
  await sql`DELETE FROM observatory_damaged_checkpoints`.execute(tx)
  await sql`
    WITH gone AS (DELETE FROM observatory_checkpoints WHERE number >= ${from} RETURNING *)
    INSERT INTO observatory_damaged_checkpoints (number, chunk, chunks, applied, taken_at, body, digest, reason)
    SELECT number, chunk, chunks, applied, taken_at, body, digest, ${storableText(reason, MAX_REASON)}::text FROM gone`.execute(
    tx,
  )
}

/** To be called in a transaction. Says so in the database, where other processes see it; undefined takes it back. */
export async function markUnreadable(tx: Tx, reason: string | undefined): Promise<void> {
  const text = reason === undefined ? null : storableText(reason, MAX_REASON)
  await sql`
    UPDATE observatory_checkpoints SET unreadable = ${text}::text
    WHERE unreadable IS DISTINCT FROM ${text}::text`.execute(tx)
}

/** The largest number that a checkpoint ever had, as far as fingerprints may know of it; 0 before the first. */
export async function lastCheckpointNumber(db: Db): Promise<bigint> {
  const { rows } = await sql<{ last: bigint }>`
    SELECT greatest(
      (SELECT max(number) FROM observatory_checkpoints), (SELECT max(number) FROM observatory_damaged_checkpoints), 0
    ) AS last`.execute(db)
  return rows[0]?.last ?? 0n
}
