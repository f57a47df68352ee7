/** Days as the tables have them, and the users of any window of days. */
import { sql } from 'kysely'
import { estimateHyperLogLog, HYPERLOGLOG_REGISTERS, mergeHyperLogLog } from '../../nostr/index.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import type { UserCount } from '../snapshot.ts'
import { HYPERLOGLOG_ERROR } from '../statistics/index.ts'
import type { Db } from './tables.ts'

export interface ActiveDay {
  readonly startSeconds: number
  readonly events: number
  readonly users: number
  readonly zaps: number
  readonly zapMsat: bigint
}

interface DayRow {
  readonly start: number
  readonly events: number
  readonly users: number
  readonly zaps: number
  readonly zap_msat: string
}

/** Days that the window touches and of which there is anything, oldest first; from `sinceSeconds` on, before `untilSeconds`. */
export async function activeDays(
  db: Db,
  sinceSeconds: number,
  untilSeconds: number,
): Promise<readonly ActiveDay[]> {
  const { rows } = await sql<DayRow>`
    SELECT extract(epoch FROM day)::float8 AS start, events::float8 AS events, users::float8 AS users,
        zaps::float8 AS zaps, zap_msat::text AS zap_msat
      FROM daily_network_stats
      WHERE day BETWEEN ${dayOf(sinceSeconds)} AND ${dayOf(untilSeconds - 1)}
      ORDER BY day`.execute(db)
  return rows.map(({ start, events, users, zaps, zap_msat }) => ({
    startSeconds: start,
    events,
    users,
    zaps,
    zapMsat: BigInt(zap_msat),
  }))
}

/** Distinct users of the days that the window touches: the union of their HyperLogLogs, one day's number exactly. */
export async function windowUsers(db: Db, sinceSeconds: number, untilSeconds: number): Promise<UserCount> {
  const days = await db
    .selectFrom('active_users')
    .select(['users', 'registers'])
    .where(sql<boolean>`day BETWEEN ${dayOf(sinceSeconds)} AND ${dayOf(untilSeconds - 1)}`)
    .execute()
  const [only] = days
  if (only === undefined) return { count: 0, isApproximate: false, error: 0 }
  if (days.length === 1) return { count: Number(only.users), isApproximate: false, error: 0 }
  const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
  for (const day of days) mergeHyperLogLog(registers, day.registers)
  return { count: estimateHyperLogLog(registers), isApproximate: true, error: HYPERLOGLOG_ERROR }
}

function dayOf(seconds: number) {
  return sql`to_timestamp(${Math.floor(seconds / SECONDS_PER_DAY) * SECONDS_PER_DAY}::float8) AT TIME ZONE 'UTC'`
}
