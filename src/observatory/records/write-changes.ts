/** Changes into the tables: each kind of row by one statement, in the order of its key; `unnest` keeps the order it is given. */
import { type RawBuilder, sql } from 'kysely'
import { PREPARED } from '../../platform/database/index.ts'
import { firstHourlyHour } from './fold-hours.ts'
import type { PendingChanges } from './pending-changes.ts'
import { listOf } from './storable.ts'
import type { Tx } from './tables.ts'

/** Kinds that are kept of one client. */
const MAX_CLIENT_KINDS = 200

export async function writeChanges(tx: Tx, changes: PendingChanges): Promise<void> {
  const firstHourly = await firstHourlyHour(tx)
  await writeRelayEvents(tx, changes, firstHourly)
  await writeNetworkEvents(tx, changes)
  await writeClients(tx, changes)
  await writeActiveUsers(tx, changes)
  await writeHours(tx, changes, firstHourly)
  await writeLogs(tx, changes)
  await writeStates(tx, changes)
}

/** Hours since 1970 as the tables have them. */
const HOUR: RawBuilder<unknown> = sql`to_timestamp(hour * 3600::float8)`
/** The day 0. */
const EPOCH: RawBuilder<unknown> = sql`DATE '1970-01-01'`

async function writeRelayEvents(tx: Tx, changes: PendingChanges, firstHourly: number): Promise<void> {
  const rows = changes.relayEvents(firstHourly)
  if (rows.length === 0) return
  await sql`${PREPARED}
    INSERT INTO events_aggregated AS old (relay, hour, kind, events)
    SELECT relay, ${HOUR}, kind, events FROM unnest(
      ${listOf(rows.map(({ relay }) => relay))}::integer[],
      ${listOf(rows.map(({ hour }) => hour))}::integer[],
      ${listOf(rows.map(({ kind }) => kind))}::integer[],
      ${listOf(rows.map(({ events }) => events))}::bigint[]
    ) AS new (relay, hour, kind, events)
    ON CONFLICT (relay, hour, kind) DO UPDATE SET events = old.events + excluded.events`.execute(tx)
}

async function writeNetworkEvents(tx: Tx, changes: PendingChanges): Promise<void> {
  const rows = changes.networkEvents()
  if (rows.length === 0) return
  await sql`${PREPARED}
    INSERT INTO network_events AS old (hour, kind, events, zaps, zap_msat)
    SELECT ${HOUR}, kind, events, zaps, zap_msat FROM unnest(
      ${listOf(rows.map(({ hour }) => hour))}::integer[],
      ${listOf(rows.map(({ kind }) => kind))}::integer[],
      ${listOf(rows.map(({ events }) => events))}::bigint[],
      ${listOf(rows.map(({ zaps }) => zaps))}::bigint[],
      ${listOf(rows.map(({ zapMsat }) => zapMsat))}::numeric[]
    ) AS new (hour, kind, events, zaps, zap_msat) ORDER BY hour, kind
    ON CONFLICT (hour, kind) DO UPDATE SET
      events = old.events + excluded.events, zaps = old.zaps + excluded.zaps, zap_msat = old.zap_msat + excluded.zap_msat`.execute(
    tx,
  )
}

async function writeClients(tx: Tx, changes: PendingChanges): Promise<void> {
  const rows = changes.clients()
  if (rows.length === 0) return
  await sql`${PREPARED}
    INSERT INTO clients AS old (name, events, kinds, last_seen)
    SELECT name, events, kinds::integer[], to_timestamp(last_seen) FROM unnest(
      ${rows.map(({ name }) => name)}::text[],
      ${listOf(rows.map(({ events }) => events))}::bigint[],
      ${rows.map(({ kinds }) => listOf(kinds.toSorted((a, b) => a - b).slice(0, MAX_CLIENT_KINDS)))}::text[],
      ${listOf(rows.map(({ lastSeenSeconds }) => lastSeenSeconds))}::float8[]
    ) AS new (name, events, kinds, last_seen) ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
      events = old.events + excluded.events, last_seen = greatest(old.last_seen, excluded.last_seen),
      kinds = CASE WHEN old.kinds @> excluded.kinds THEN old.kinds ELSE
        (SELECT array_agg(DISTINCT kind ORDER BY kind) FROM unnest(old.kinds || excluded.kinds) AS kind)[1:${sql.lit(MAX_CLIENT_KINDS)}]
      END`.execute(tx)
}

/** A day has no fewer users than before, unless the figures were begun anew (`begin-anew.ts`): then what was counted stays. */
async function writeActiveUsers(tx: Tx, changes: PendingChanges): Promise<void> {
  const rows = changes.activeUsers()
  if (rows.length === 0) return
  await sql`${PREPARED}
    INSERT INTO active_users AS old (day, users, new_users, registers)
    SELECT ${EPOCH} + day, users, new_users, registers FROM unnest(
      ${listOf(rows.map(({ day }) => day))}::integer[],
      ${listOf(rows.map(({ users }) => users))}::bigint[],
      ${listOf(rows.map(({ newUsers }) => newUsers))}::bigint[],
      ${rows.map(({ registers }) => Buffer.from(registers))}::bytea[]
    ) AS new (day, users, new_users, registers) ORDER BY day
    ON CONFLICT (day) DO UPDATE SET
      users = excluded.users, new_users = excluded.new_users, registers = excluded.registers
      WHERE old.users <= excluded.users`.execute(tx)
}

async function writeHours(tx: Tx, changes: PendingChanges, firstHourly: number): Promise<void> {
  const rows = changes.hours(firstHourly)
  if (rows.length === 0) return
  await sql`${PREPARED}
    INSERT INTO relay_hours AS old (relay, hour, region, watched_seconds, connected_seconds, latencies)
    SELECT relay, ${HOUR}, region, watched, connected, latencies::integer[] FROM unnest(
      ${listOf(rows.map(({ relay }) => relay))}::integer[],
      ${listOf(rows.map(({ hour }) => hour))}::integer[],
      ${rows.map(({ region }) => region)}::text[],
      ${listOf(rows.map(({ watchedSeconds }) => watchedSeconds))}::float8[],
      ${listOf(rows.map(({ connectedSeconds }) => connectedSeconds))}::float8[],
      ${rows.map(({ latencies }) => listOf(latencies))}::text[]
    ) AS new (relay, hour, region, watched, connected, latencies) ORDER BY relay, hour, region
    ON CONFLICT (relay, hour, region) DO UPDATE SET
      watched_seconds = old.watched_seconds + excluded.watched_seconds,
      connected_seconds = old.connected_seconds + excluded.connected_seconds,
      latencies = observatory_add_latencies(old.latencies, excluded.latencies)`.execute(tx)
}

async function writeLogs(tx: Tx, changes: PendingChanges): Promise<void> {
  const rows = changes.logs()
  if (rows.length === 0) return
  await sql`${PREPARED}
    INSERT INTO relay_logs AS old (relay, hour, what, level, count, last_at, detail)
    SELECT relay, ${HOUR}, what, level, count, to_timestamp(last_at), detail FROM unnest(
      ${listOf(rows.map(({ relay }) => relay))}::integer[],
      ${listOf(rows.map(({ hour }) => hour))}::integer[],
      ${rows.map(({ what }) => what)}::text[],
      ${rows.map(({ level }) => level)}::text[],
      ${listOf(rows.map(({ count }) => count))}::bigint[],
      ${listOf(rows.map(({ lastSeconds }) => lastSeconds))}::float8[],
      ${rows.map(({ detail }) => detail ?? null)}::text[]
    ) AS new (relay, hour, what, level, count, last_at, detail) ORDER BY relay, hour, what
    ON CONFLICT (relay, hour, what) DO UPDATE SET count = old.count + excluded.count,
      last_at = greatest(old.last_at, excluded.last_at), detail = coalesce(excluded.detail, old.detail)`.execute(
    tx,
  )
}

async function writeStates(tx: Tx, changes: PendingChanges): Promise<void> {
  const rows = changes.states()
  if (rows.length === 0) return
  await sql`
    INSERT INTO relay_region_states (relay, region, state)
    SELECT * FROM unnest(
      ${listOf(rows.map(({ relay }) => relay))}::integer[],
      ${rows.map(({ region }) => region)}::text[],
      ${rows.map(({ state }) => state)}::text[]
    ) AS new (relay, region, state) ORDER BY 1, 2
    ON CONFLICT (relay, region) DO UPDATE SET state = excluded.state`.execute(tx)
}
