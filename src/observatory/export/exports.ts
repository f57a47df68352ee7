/** What can be exported: the query that reads it, and its columns. */
import { type RawBuilder, sql } from 'kysely'

export const EXPORTS = [
  'relay-events',
  'network-events',
  'relay-hours',
  'active-users',
  'clients',
  'snapshots',
] as const
export type ExportName = (typeof EXPORTS)[number]

/** As DuckDB spells them. `JSON` is a text everywhere but in JSON. */
type ColumnType =
  | 'TIMESTAMP'
  | 'DATE'
  | 'INTEGER'
  | 'BIGINT'
  | 'DOUBLE'
  | 'VARCHAR'
  | 'INTEGER[]'
  | 'DECIMAL(38,0)'
  | 'JSON'

export interface ExportPlan {
  readonly columns: Readonly<Record<string, ColumnType>>
  /** One row for each line of the export, with these columns; times are ISO 8601 in UTC without a zone. */
  readonly query: (span: {
    readonly since: RawBuilder<Date>
    readonly until: RawBuilder<Date>
  }) => RawBuilder<unknown>
}

/** In UTC, as DuckDB reads it. */
const utc = (column: string) => sql`${sql.ref(column)} AT TIME ZONE 'UTC'`

export const PLANS: Readonly<Record<ExportName, ExportPlan>> = {
  'relay-events': {
    columns: { hour: 'TIMESTAMP', relay: 'INTEGER', url: 'VARCHAR', kind: 'INTEGER', events: 'BIGINT' },
    query: ({ since, until }) => sql`
      SELECT ${utc('e.hour')} AS hour, e.relay, r.url, e.kind, e.events
      FROM events_aggregated e LEFT JOIN relays r ON r.id = e.relay
      WHERE e.hour >= ${since} AND e.hour < ${until} ORDER BY e.hour, e.relay, e.kind`,
  },
  'network-events': {
    columns: {
      hour: 'TIMESTAMP',
      kind: 'INTEGER',
      events: 'BIGINT',
      zaps: 'BIGINT',
      zap_msat: 'DECIMAL(38,0)',
    },
    query: ({ since, until }) => sql`
      SELECT ${utc('hour')} AS hour, kind, events, zaps, zap_msat::text AS zap_msat
      FROM network_events n WHERE n.hour >= ${since} AND n.hour < ${until} ORDER BY n.hour, kind`,
  },
  'relay-hours': {
    columns: {
      hour: 'TIMESTAMP',
      relay: 'INTEGER',
      url: 'VARCHAR',
      region: 'VARCHAR',
      watched_seconds: 'DOUBLE',
      connected_seconds: 'DOUBLE',
      latency_p50_ms: 'DOUBLE',
      latency_p95_ms: 'DOUBLE',
    },
    query: ({ since, until }) => sql`
      SELECT ${utc('h.hour')} AS hour, h.relay, r.url, h.region, h.watched_seconds, h.connected_seconds,
        observatory_latency(h.latencies, 0.5) AS latency_p50_ms, observatory_latency(h.latencies, 0.95) AS latency_p95_ms
      FROM relay_hours h LEFT JOIN relays r ON r.id = h.relay
      WHERE h.hour >= ${since} AND h.hour < ${until} ORDER BY h.hour, h.relay, h.region`,
  },
  'active-users': {
    columns: { day: 'DATE', users: 'BIGINT', new_users: 'BIGINT' },
    query: ({ since, until }) => sql`
      SELECT day, users, new_users FROM active_users
      WHERE day >= (${since} AT TIME ZONE 'UTC')::date AND day < ${until} AT TIME ZONE 'UTC' ORDER BY day`,
  },
  clients: {
    columns: { name: 'VARCHAR', events: 'BIGINT', kinds: 'INTEGER[]', last_seen: 'TIMESTAMP' },
    query: ({ since, until }) => sql`
      SELECT name, events, kinds, ${utc('last_seen')} AS last_seen FROM clients c
      WHERE c.last_seen >= ${since} AND c.last_seen < ${until} ORDER BY name`,
  },
  snapshots: {
    columns: { range: 'VARCHAR', taken_at: 'TIMESTAMP', body: 'JSON' },
    query: ({ since, until }) => sql`
      SELECT range, ${utc('taken_at')} AS taken_at, body FROM statistics_snapshots s
      WHERE s.taken_at >= ${since} AND s.taken_at < ${until} ORDER BY s.taken_at, range`,
  },
}
