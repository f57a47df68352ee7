/** What the page of one relay shows, from the tables. */
import { sql } from 'kysely'
import type { RelayHistoryEntry, RelayLogEntry, RelayMeasurement } from '../history.ts'
import { type Range, rangeStart, rangeStep } from '../ranges.ts'
import { addHistogram, latencyAt } from './latency-histogram.ts'
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
  /** As PostgreSQL writes an array. */
  readonly latencies: string
}

/** Hours of a step and region, added up. */
interface Measured {
  readonly start: number
  readonly region: string
  watched: number
  connected: number
  readonly latencies: number[]
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

/** The start of the step that the hour is in; a day that is one row is in its own. */
function startOf(step: number) {
  return sql`date_bin(make_interval(secs => ${step}::integer), hour, to_timestamp(0))`
}

async function readEvents(db: Db, { relay, step, from, nowSeconds }: Wanted): Promise<readonly EventsRow[]> {
  const { rows } = await sql<EventsRow>`
    SELECT extract(epoch FROM start)::float8 AS start, events FROM (
      SELECT ${startOf(step)} AS start, sum(events)::float8 AS events FROM events_aggregated
      WHERE relay = ${relay} AND hour >= to_timestamp(${from}) AND hour <= to_timestamp(${nowSeconds})
      GROUP BY 1
    ) steps`.execute(db)
  return rows
}

/**
 * Each hour, for us to add up: the database takes four times as long for the histograms of 90 days, by an aggregate or bucket by
 * bucket. As text, since a list of numbers costs twice that on its way.
 */
async function readMeasurements(
  db: Db,
  { relay, step, from, nowSeconds }: Wanted,
): Promise<readonly Measured[]> {
  const { rows } = await sql<MeasurementRow>`
    SELECT extract(epoch FROM ${startOf(step)})::float8 AS start, region, watched_seconds AS watched,
      connected_seconds AS connected, latencies::text AS latencies
    FROM relay_hours
    WHERE relay = ${relay} AND hour >= to_timestamp(${from}) AND hour <= to_timestamp(${nowSeconds})
    ORDER BY region`.execute(db)
  const steps = new Map<string, Measured>()
  for (const { start, region, watched, connected, latencies } of rows) {
    const key = `${start} ${region}`
    const sums = steps.get(key) ?? { start, region, watched: 0, connected: 0, latencies: [] }
    steps.set(key, sums)
    sums.watched += watched
    sums.connected += connected
    addHistogram(sums.latencies, latencies)
  }
  return [...steps.values()]
}

function measurementOf({ watched, connected, latencies }: Measured): RelayMeasurement {
  return {
    watchedSeconds: watched,
    connectedSeconds: connected,
    latencyP50Ms: latencyAt(latencies, 0.5),
    latencyP95Ms: latencyAt(latencies, 0.95),
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
