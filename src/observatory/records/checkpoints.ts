/** The state of the statistics in the database, so that a restart need not count everything again. */
import { sql } from 'kysely'
import { AppError } from '../../kernel/index.ts'
import type { Checkpoint } from '../changes.ts'
import { inChunks, writeFingerprints } from './fingerprints.ts'
import type { Db, Tx } from './tables.ts'

/** Where a checkpoint stands. */
export interface CheckpointPlace {
  /** Rises with each checkpoint. */
  readonly number: bigint
  /** Everything that was applied until this number is in it. */
  readonly applied: bigint
}

/**
 * To be called in a transaction. The same number again takes the place of what an earlier attempt may have written after all, and
 * has at least all that was in it.
 */
export async function writeCheckpoint(
  tx: Tx,
  { number, applied }: CheckpointPlace,
  { state, fingerprints }: Checkpoint,
): Promise<void> {
  await sql`DELETE FROM observatory_checkpoints`.execute(tx)
  const chunks = inChunks(state)
  for (const [chunk, body] of chunks.entries()) {
    await sql`
      INSERT INTO observatory_checkpoints (number, chunk, chunks, applied, body)
      VALUES (${number}, ${chunk}, ${chunks.length}, ${applied}, ${body})`.execute(tx)
  }
  await writeFingerprints(tx, number, fingerprints)
}

/** Undefined before the first. @throws AppError OBSERVATORY_STATE_DAMAGED when a piece is missing. */
export async function newestCheckpoint(
  db: Db,
): Promise<(CheckpointPlace & { readonly state: Uint8Array }) | undefined> {
  const rows = await db
    .selectFrom('observatory_checkpoints')
    .select(['number', 'chunk', 'chunks', 'applied', 'body'])
    .orderBy('number')
    .orderBy('chunk')
    .execute()
  const [first] = rows
  if (first === undefined) return undefined
  const isWhole =
    rows.length === first.chunks &&
    rows.every(({ number, chunk }, place) => number === first.number && chunk === place)
  if (!isWhole)
    throw new AppError('OBSERVATORY_STATE_DAMAGED', 'Pieces of the checkpoint are missing.', {
      facts: { checkpoint: first.number, pieces: rows.length, wanted: first.chunks },
    })
  return { number: first.number, applied: first.applied, state: Buffer.concat(rows.map(({ body }) => body)) }
}
