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
  // Not by the view `daily_network_stats`: that adds up what every relay had on every day that there ever was.
  const { rows } = await sql<DayRow>`
    SELECT extract(epoch FROM e.day)::float8 AS start, events::float8 AS events, coalesce(users, 0)::float8 AS users,
        zaps::float8 AS zaps, zap_msat::text AS zap_msat
      FROM (
        SELECT (hour AT TIME ZONE 'UTC')::date AS day, sum(events) AS events, sum(zaps) AS zaps, sum(zap_msat) AS zap_msat
        FROM network_events
        WHERE hour >= to_timestamp(${startOfDay(sinceSeconds)}::float8)
          AND hour < to_timestamp(${startOfDay(untilSeconds - 1) + SECONDS_PER_DAY}::float8)
        GROUP BY 1
      ) e LEFT JOIN active_users u ON u.day = e.day
      ORDER BY e.day`.execute(db)
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

/** As the column `day` has it; in brackets, since `BETWEEN` takes no `AT TIME ZONE` without. */
function dayOf(seconds: number) {
  return sql`(to_timestamp(${startOfDay(seconds)}::float8) AT TIME ZONE 'UTC')::date`
}

function startOfDay(seconds: number): number {
  return Math.floor(seconds / SECONDS_PER_DAY) * SECONDS_PER_DAY
}
