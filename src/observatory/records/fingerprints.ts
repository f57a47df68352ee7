/** The table `observatory_fingerprints`: what was counted, by day; parts are of one checkpoint each until they are merged. */
import { sql } from 'kysely'
import { PREPARED } from '../../platform/database/index.ts'
import type { ObservationBatch } from '../observation-batch.ts'
import type { Engine } from './engine.ts'
import { listOf } from './storable.ts'
import type { Db, Tx } from './tables.ts'

export const MAX_CHUNK_BYTES = 1024 * 1024
/** Parts that one checkpoint may write of a day, with room to spare. */
const PARTS_OF_CHECKPOINT = 100_000n
/** Parts of a day that are merged into one when there are so many smaller ones than `MAX_CHUNK_BYTES`. */
const MERGED_AT_ONCE = 24
/** Days that are merged by one call. */
const MAX_MERGED_DAYS = 50
/** Rows that are written by one statement; most have a few fingerprints. */
const ROWS_AT_ONCE = 500
const BYTES_AT_ONCE = 4 * MAX_CHUNK_BYTES

/** One empty piece for nothing. */
export function inChunks(bytes: Uint8Array): readonly Buffer[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks: Buffer[] = []
  for (let at = 0; at === 0 || at < buffer.length; at += MAX_CHUNK_BYTES)
    chunks.push(buffer.subarray(at, at + MAX_CHUNK_BYTES))
  return chunks
}

interface Part {
  readonly day: number
  readonly part: bigint
  readonly bytes: Buffer
}

export async function writeFingerprints(
  tx: Tx,
  checkpoint: bigint,
  fingerprints: ReadonlyMap<number, Uint8Array>,
): Promise<void> {
  let parts: Part[] = []
  let bytes = 0
  const write = async () => {
    if (parts.length > 0) await writeParts(tx, parts)
    parts = []
    bytes = 0
  }
  for (const [day, ofDay] of fingerprints) {
    if (ofDay.byteLength === 0) continue
    for (const [place, chunk] of inChunks(ofDay).entries()) {
      parts.push({ day, part: checkpoint * PARTS_OF_CHECKPOINT + BigInt(place), bytes: chunk })
      bytes += chunk.length
      if (parts.length === ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE) await write()
    }
  }
  await write()
}

async function writeParts(tx: Tx, parts: readonly Part[]): Promise<void> {
  await sql`
    INSERT INTO observatory_fingerprints (day, part, fingerprints)
    SELECT DATE '1970-01-01' + day, part, fingerprints FROM unnest(
      ${listOf(parts.map(({ day }) => day))}::integer[], ${listOf(parts.map(({ part }) => part))}::bigint[],
      ${parts.map(({ bytes }) => bytes)}::bytea[]
    ) AS new (day, part, fingerprints)
    ON CONFLICT (day, part) DO UPDATE SET fingerprints = excluded.fingerprints`.execute(tx)
}

/** Days (since 1970) of which there are any that checkpoints until this one have written. */
export async function daysWithFingerprints(db: Db, checkpoint: bigint): Promise<readonly number[]> {
  const { rows } = await sql<{ day: number }>`
    SELECT DISTINCT day - DATE '1970-01-01' AS day FROM observatory_fingerprints
    WHERE part < ${endOfParts(checkpoint)} ORDER BY 1`.execute(db)
  return rows.map(({ day }) => day)
}

/** Those of later checkpoints than this one: what they counted is counted again. To be called in a transaction. */
export async function dropFingerprintsBehind(tx: Tx, checkpoint: bigint): Promise<void> {
  await sql`DELETE FROM observatory_fingerprints WHERE part >= ${endOfParts(checkpoint)}`.execute(tx)
}

/** Parts of a checkpoint are below it, and merged ones below 0. */
function endOfParts(checkpoint: bigint): bigint {
  return (checkpoint + 1n) * PARTS_OF_CHECKPOINT
}

/** All parts of one day. */
export async function fingerprintsOf(db: Db, day: number): Promise<readonly Uint8Array[]> {
  const { rows } = await sql<{ fingerprints: Buffer }>`${PREPARED}
    SELECT fingerprints FROM observatory_fingerprints WHERE day = DATE '1970-01-01' + ${day}::integer
    ORDER BY part`.execute(db)
  return rows.map(({ fingerprints }) => fingerprints)
}

/** What the engine needs before it counts these. */
export async function loadMissingDays(db: Db, engine: Engine, batch: ObservationBatch): Promise<void> {
  for (const day of engine.missingDays(batch)) engine.addFingerprints(day, await fingerprintsOf(db, day))
}

/** Makes one part of many small ones of a day; only of checkpoints that every restart begins behind. */
export async function mergeFingerprints(db: Db): Promise<number> {
  const { rows: oldest } = await sql<{ number: bigint | null }>`
    SELECT min(number) AS number FROM observatory_checkpoints`.execute(db)
  const end = endOfParts(oldest[0]?.number ?? 0n)
  const { rows } = await sql<{ day: number }>`
    SELECT day - DATE '1970-01-01' AS day FROM observatory_fingerprints
    WHERE octet_length(fingerprints) < ${MAX_CHUNK_BYTES} AND part < ${end}
    GROUP BY day HAVING count(*) >= ${MERGED_AT_ONCE} ORDER BY 1 DESC LIMIT ${MAX_MERGED_DAYS}`.execute(db)
  for (const { day } of rows) {
    await sql`
      WITH small AS (
        DELETE FROM observatory_fingerprints WHERE (day, part) IN (
          SELECT day, part FROM observatory_fingerprints
          WHERE day = DATE '1970-01-01' + ${day}::integer AND octet_length(fingerprints) < ${MAX_CHUNK_BYTES} AND part < ${end}
          ORDER BY part LIMIT ${MERGED_AT_ONCE}
        ) RETURNING day, part, fingerprints
      )
      INSERT INTO observatory_fingerprints (day, part, fingerprints)
      SELECT day, -max(part) - 1, string_agg(fingerprints, '' ORDER BY part) FROM small GROUP BY day`.execute(
      db,
    )
  }
  return rows.length
}
