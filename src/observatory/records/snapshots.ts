/** The table `statistics_snapshots`, and what of a snapshot stands in the table `relays`. */
import { sql } from 'kysely'
import type { Range } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts'
import { listOf } from './storable.ts'
import type { Db, Tx } from './tables.ts'

export interface TakenSnapshot {
  readonly snapshot: Snapshot
  readonly takenAtSeconds: number
}

/** Undefined before any, or when another version of the program wrote it. */
export async function latestSnapshot(db: Db, range: Range): Promise<TakenSnapshot | undefined> {
  const { rows } = await sql<{ taken: number; body: string }>`
    SELECT extract(epoch FROM taken_at)::float8 AS taken, body::text AS body FROM statistics_snapshots
    WHERE range = ${range} ORDER BY taken_at DESC LIMIT 1`.execute(db)
  const [row] = rows
  if (row === undefined) return undefined
  try {
    return { snapshot: decodeSnapshot(row.body), takenAtSeconds: row.taken }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** To be called in a transaction. */
export async function writeSnapshots(
  tx: Tx,
  takenAtSeconds: number,
  snapshots: readonly Snapshot[],
): Promise<void> {
  for (const snapshot of snapshots) {
    await sql`
      INSERT INTO statistics_snapshots (range, taken_at, body)
      VALUES (${snapshot.range}, to_timestamp(${takenAtSeconds}::float8), ${encodeSnapshot(snapshot)}::jsonb)
      ON CONFLICT (range, taken_at) DO UPDATE SET body = excluded.body`.execute(tx)
    if (snapshot.range === '24h') await writeStanding(tx, snapshot)
  }
}

/** Into the rows of relays, those that differ; locked in order, as `table-sink.ts` does. */
async function writeStanding(tx: Tx, { relays }: Snapshot): Promise<void> {
  await sql`
    WITH new AS MATERIALIZED (
      SELECT * FROM unnest(
        ${listOf(relays.map(({ relay }) => relay))}::integer[],
        ${listOf(relays.map(({ events }) => events))}::bigint[],
        ${listOf(relays.map(({ lastEventSeconds }) => lastEventSeconds ?? null))}::float8[],
        ${listOf(relays.map(({ latencyP50Ms }) => latencyP50Ms ?? null))}::float8[],
        ${listOf(relays.map(({ latencyP95Ms }) => latencyP95Ms ?? null))}::float8[],
        ${listOf(relays.map(({ uptime }) => uptime ?? null))}::float8[],
        ${listOf(relays.map(({ healthScore }) => healthScore ?? null))}::float8[]
      ) AS new (relay, events, last_event, p50, p95, uptime, health)
    ), locked AS MATERIALIZED (
      SELECT r.id FROM relays r JOIN new n ON n.relay = r.id
      WHERE (r.events_24h, r.last_event_at, r.latency_p50_ms, r.latency_p95_ms, r.uptime, r.health_score)
        IS DISTINCT FROM (n.events, coalesce(to_timestamp(n.last_event), r.last_event_at), n.p50, n.p95, n.uptime, n.health)
      ORDER BY r.id FOR NO KEY UPDATE OF r
    )
    UPDATE relays r SET events_24h = n.events, last_event_at = coalesce(to_timestamp(n.last_event), r.last_event_at),
      latency_p50_ms = n.p50, latency_p95_ms = n.p95, uptime = n.uptime, health_score = n.health
    FROM locked l JOIN new n ON n.relay = l.id WHERE r.id = l.id`.execute(tx)
}
