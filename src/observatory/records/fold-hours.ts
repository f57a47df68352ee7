/**
 * Hours of long ago become days: in `events_aggregated` and `relay_hours`, the row of a day's first hour takes up the others. From
 * `first_hourly` backwards there are only days, also for what comes late (`write-changes.ts`).
 */
import { type RawBuilder, sql } from 'kysely'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import { requireTerm } from './require-term.ts'
import { listOf } from './storable.ts'
import type { Db, Tx } from './tables.ts'

/** Relays of one step: each is found by the primary key, so that no index by hour is needed. */
const RELAYS_AT_ONCE = 100
/** Rows of each table that one step takes up; with more of them it comes back to the same relays. */
const ROWS_AT_ONCE = 20_000

/** Hours since 1970; those before it are in the row of their day. */
export async function firstHourlyHour(tx: Tx): Promise<number> {
  const { rows } = await sql<{ hour: number }>`
    SELECT (first_hourly - DATE '1970-01-01') * 24 AS hour FROM observatory_folding`.execute(tx)
  return rows[0]?.hour ?? 0
}

export interface FoldOptions {
  /** UTC days that keep their hours; undefined: all do. */
  readonly keepHoursDays: number | undefined
  readonly nowSeconds: number
  /** Steps of this call; the next one goes on where it ended. Without it all that are due. */
  readonly maxSteps?: number
}

/**
 * Folds some of what is due, each step in a transaction under the term: wherever it is cut, the next call goes on there.
 *
 * @returns whether nothing is left to fold.
 * @throws AppError LEADERSHIP_LOST
 */
export async function foldHours(
  db: Db,
  term: LeaderTerm,
  { keepHoursDays, nowSeconds, maxSteps = Number.POSITIVE_INFINITY }: FoldOptions,
): Promise<boolean> {
  if (keepHoursDays === undefined) return true
  const until = Math.floor(nowSeconds / SECONDS_PER_DAY) - keepHoursDays
  for (let step = 0; step < maxSteps; step++) {
    const isDone = await db.transaction().execute(async (tx) => {
      await requireTerm(tx, term)
      return foldStep(tx, until)
    })
    if (isDone) return true
  }
  return false
}

interface Folding {
  readonly relay: number
  readonly isUnderWay: boolean
  readonly isDue: boolean
}

/** @returns whether nothing is left. */
async function foldStep(tx: Tx, until: number): Promise<boolean> {
  const { rows } = await sql<Folding>`
    SELECT relay, folded_before < first_hourly AS "isUnderWay",
      first_hourly < ${lastHourly(until)} AS "isDue"
    FROM observatory_folding FOR UPDATE`.execute(tx)
  const [folding] = rows
  if (folding === undefined) return true
  if (!folding.isUnderWay) {
    if (!folding.isDue) return true
    await sql`UPDATE observatory_folding SET relay = 0, first_hourly = ${lastHourly(until)}`.execute(tx)
    return false
  }
  const relays = await tx
    .selectFrom('relays')
    .select('id')
    .where('id', '>', folding.relay)
    .orderBy('id')
    .limit(RELAYS_AT_ONCE)
    .execute()
  const last = relays.at(-1)
  if (last === undefined) {
    await sql`UPDATE observatory_folding SET folded_before = first_hourly, relay = 0`.execute(tx)
    return false
  }
  const numbers = listOf(relays.map(({ id }) => id))
  const folded = [await foldEvents(tx, numbers), await foldMeasurements(tx, numbers)]
  if (folded.every((count) => count < ROWS_AT_ONCE))
    await sql`UPDATE observatory_folding SET relay = ${last.id}`.execute(tx)
  return false
}

/** Not in the future, whatever our clock says: hours that are folded do not come back. */
function lastHourly(until: number): RawBuilder<unknown> {
  return sql`least(DATE '1970-01-01' + ${until}::integer, (now() AT TIME ZONE 'UTC')::date)`
}

/** The day, in UTC. */
const DAY = sql`date_bin('1 day', hour, to_timestamp(0))`

/** Rows of these relays that are to be taken up. */
function foldable(table: 'events_aggregated' | 'relay_hours', relays: string): RawBuilder<unknown> {
  return sql`ARRAY(
    SELECT ctid FROM ${sql.table(table)}
    WHERE relay = ANY(${relays}::integer[]) AND hour <> ${DAY}
      AND hour >= (SELECT folded_before::timestamp AT TIME ZONE 'UTC' FROM observatory_folding)
      AND hour < (SELECT first_hourly::timestamp AT TIME ZONE 'UTC' FROM observatory_folding)
    LIMIT ${ROWS_AT_ONCE}
  )`
}

async function foldEvents(tx: Tx, relays: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    WITH gone AS (
      DELETE FROM events_aggregated WHERE ctid = ANY(${foldable('events_aggregated', relays)})
      RETURNING relay, hour, kind, events
    ), folded AS (
      INSERT INTO events_aggregated AS old (relay, hour, kind, events)
      SELECT relay, ${DAY}, kind, sum(events)::bigint FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      ON CONFLICT (relay, hour, kind) DO UPDATE SET events = old.events + excluded.events
    )
    SELECT count(*)::integer AS count FROM gone`.execute(tx)
  return rows[0]?.count ?? 0
}

/** Buckets are added one by one: `observatory_sum_latencies` would take a call for each row. */
async function foldMeasurements(tx: Tx, relays: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    WITH gone AS (
      DELETE FROM relay_hours WHERE ctid = ANY(${foldable('relay_hours', relays)})
      RETURNING relay, ${DAY} AS day, region, watched_seconds, connected_seconds, latencies
    ), sums AS (
      SELECT relay, day, region, sum(watched_seconds) AS watched, sum(connected_seconds) AS connected
      FROM gone GROUP BY 1, 2, 3
    ), buckets AS (
      SELECT relay, day, region, n, sum(count)::integer AS count
      FROM gone, unnest(latencies) WITH ORDINALITY AS bucket (count, n) GROUP BY 1, 2, 3, 4
    ), histograms AS (
      SELECT relay, day, region, array_agg(count ORDER BY n) AS latencies FROM buckets GROUP BY 1, 2, 3
    ), folded AS (
      INSERT INTO relay_hours AS old (relay, hour, region, watched_seconds, connected_seconds, latencies)
      SELECT relay, day, region, watched, connected, coalesce(latencies, '{}')
      FROM sums LEFT JOIN histograms USING (relay, day, region) ORDER BY 1, 2, 3
      ON CONFLICT (relay, hour, region) DO UPDATE SET
        watched_seconds = old.watched_seconds + excluded.watched_seconds,
        connected_seconds = old.connected_seconds + excluded.connected_seconds,
        latencies = observatory_add_latencies(old.latencies, excluded.latencies)
    )
    SELECT count(*)::integer AS count FROM gone`.execute(tx)
  return rows[0]?.count ?? 0
}
