import { sql } from 'kysely'
import type { Db } from '../tables.ts'
import type { PlainCount } from './deliveries.ts'

interface PairRow {
  readonly key: string
  readonly value: string
}

/** What the tables say, in the same shape as `plainCount`, but for the reports, of which no table has the number. */
export async function tablesCount(db: Db): Promise<Omit<PlainCount, 'reports'>> {
  const hours = sql`(extract(epoch FROM hour) / 3600)::integer`
  const relayEvents = await sql<PairRow>`
    SELECT relay || ' ' || ${hours} || ' ' || kind AS key, events::text AS value FROM events_aggregated`.execute(
    db,
  )
  const network = await sql<PairRow>`
    SELECT ${hours} || ' ' || kind AS key, events || ' ' || zaps || ' ' || zap_msat AS value FROM network_events`.execute(
    db,
  )
  const clients = await sql<PairRow>`SELECT name AS key, events::text AS value FROM clients`.execute(db)
  const users = await sql<PairRow>`
    SELECT (day - DATE '1970-01-01')::text AS key, users::text AS value FROM active_users`.execute(db)
  const offences = await sql<PairRow>`
    SELECT relay || ' ' || what AS key, sum(count)::text AS value FROM relay_logs WHERE level = 'warn' GROUP BY 1`.execute(
    db,
  )
  const sums = await sql<{ events: number; watched: number }>`
    SELECT (SELECT coalesce(sum(events), 0)::integer FROM network_events) AS events,
      (SELECT coalesce(sum(watched_seconds), 0) FROM relay_hours) AS watched`.execute(db)
  const numbers = (rows: readonly PairRow[]) =>
    new Map(rows.map(({ key, value }) => [key, Number(value)] as const))
  return {
    relayEvents: numbers(relayEvents.rows),
    networkEvents: new Map(network.rows.map(({ key, value }) => [key, value] as const)),
    clients: numbers(clients.rows),
    users: new Map(users.rows.map(({ key, value }) => [Number(key), Number(value)] as const)),
    events: sums.rows[0]?.events ?? 0,
    watchedSeconds: sums.rows[0]?.watched ?? 0,
    offences: numbers(offences.rows),
  }
}
