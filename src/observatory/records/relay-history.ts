/** What the page of one relay shows, from the tables. */
import { sql } from 'kysely'
import type { RelayHistoryEntry, RelayLogEntry, RelayMeasurement } from '../history.ts'
import { type Range, rangeStart, rangeStep } from '../ranges.ts'
import type { Db } from './tables.ts'

/** Of a log; whoever wants more asks the database. */
const MAX_LOG_ENTRIES = 1_000

interface EventsRow {
  readonly start: number
  readonly events: number
}

interface MeasurementRow {
  readonly start: number
  readonly region: string
  readonly watched: number
  readonly connected: number
  readonly p50: number | null
  readonly p95: number | null
}

/** The number of a relay; undefined for one that nobody knows. */
export async function relayNumber(db: Db, url: string): Promise<number | undefined> {
  const found = await db.selectFrom('relays').select('id').where('url', '=', url).executeTakeFirst()
  return found?.id
}

/** Every step of the range, oldest first; `all` begins with the first step that has anything. */
export async function relayHistory(
  db: Db,
  relay: number,
  range: Range,
  nowSeconds: number,
): Promise<readonly RelayHistoryEntry[]> {
  const step = rangeStep(range)
  const from = rangeStart(range, nowSeconds) ?? 0
  const [events, measured] = await Promise.all([
    readEvents(db, { relay, step, from, nowSeconds }),
    readMeasurements(db, { relay, step, from, nowSeconds }),
  ])
  const eventsAt = new Map(events.map(({ start, events: count }) => [start, count]))
  const regionsAt = Map.groupBy(measured, ({ start }) => start)
  const starts = [...eventsAt.keys(), ...regionsAt.keys()]
  const first = range === 'all' ? starts.reduce((a, b) => Math.min(a, b), nowSeconds) : from
  const history: RelayHistoryEntry[] = []
  for (let start = Math.floor(first / step) * step; start <= nowSeconds; start += step) {
    const regions = new Map((regionsAt.get(start) ?? []).map((row) => [row.region, measurementOf(row)]))
    history.push({ startSeconds: start, events: eventsAt.get(start) ?? 0, regions })
  }
  return history
}

interface Wanted {
  readonly relay: number
  readonly step: number
  readonly from: number
  readonly nowSeconds: number
}

function startOf(step: number) {
  return sql`(floor(extract(epoch FROM hour) / ${step}::integer) * ${step}::integer)::float8`
}

async function readEvents(db: Db, { relay, step, from, nowSeconds }: Wanted): Promise<readonly EventsRow[]> {
  const { rows } = await sql<EventsRow>`
    SELECT ${startOf(step)} AS start, sum(events)::float8 AS events FROM events_aggregated
    WHERE relay = ${relay} AND hour >= to_timestamp(${from}) AND hour <= to_timestamp(${nowSeconds})
    GROUP BY 1`.execute(db)
  return rows
}

async function readMeasurements(
  db: Db,
  { relay, step, from, nowSeconds }: Wanted,
): Promise<readonly MeasurementRow[]> {
  const { rows } = await sql<MeasurementRow>`
    SELECT start, region, watched, connected, observatory_latency(latencies, 0.5) AS p50, observatory_latency(latencies, 0.95) AS p95
    FROM (
      SELECT ${startOf(step)} AS start, region, sum(watched_seconds) AS watched, sum(connected_seconds) AS connected,
        observatory_sum_latencies(latencies) AS latencies
      FROM relay_hours
      WHERE relay = ${relay} AND hour >= to_timestamp(${from}) AND hour <= to_timestamp(${nowSeconds})
      GROUP BY 1, 2
    ) steps ORDER BY region`.execute(db)
  return rows
}

function measurementOf({ watched, connected, p50, p95 }: MeasurementRow): RelayMeasurement {
  return {
    watchedSeconds: watched,
    connectedSeconds: connected,
    latencyP50Ms: p50 ?? undefined,
    latencyP95Ms: p95 ?? undefined,
  }
}

/** Newest first; each entry stands for one hour of the same. */
export async function relayLogs(db: Db, relay: number, limit: number): Promise<readonly RelayLogEntry[]> {
  const rows = await db
    .selectFrom('relay_logs')
    .select(['last_at', 'level', 'what', 'count', 'detail'])
    .where('relay', '=', relay)
    .orderBy('hour', 'desc')
    .orderBy('last_at', 'desc')
    .orderBy('what')
    .limit(Math.max(0, Math.min(MAX_LOG_ENTRIES, limit)))
    .execute()
  return rows.map(({ last_at, level, what, count, detail }) => ({
    atSeconds: Math.floor(last_at.getTime() / 1_000),
    level,
    what,
    count: Number(count),
    detail: detail ?? undefined,
  }))
}
