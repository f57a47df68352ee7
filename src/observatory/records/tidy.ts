/** What is removed with time. Each statement is harmless to repeat, and to be left out once. */
import { sql } from 'kysely'
import type { Db } from './tables.ts'

export interface Retention {
  readonly keepSnapshotsDays: number
  /** Of the logs of relays, and of batches and checkpoints that were set aside. */
  readonly keepLogsDays: number
}

/** How late a delivery may be repeated and be known. */
const KEEP_DELIVERIES_DAYS = 3
/** Of snapshots that are older, the first of each hour is kept. */
const KEEP_ALL_SNAPSHOTS_HOURS = 24
/** Names of clients; anybody can invent them, so those with the fewest events go. */
export const MAX_KEPT_CLIENTS = 10_000

export async function tidy(
  db: Db,
  { keepSnapshotsDays, keepLogsDays }: Retention,
  nowSeconds: number,
): Promise<void> {
  const before = (seconds: number) => sql`to_timestamp(${nowSeconds - seconds}::float8)`
  const days = (count: number) => before(count * 86_400)
  await sql`DELETE FROM statistics_snapshots WHERE taken_at < ${days(keepSnapshotsDays)}`.execute(db)
  await sql`
    DELETE FROM statistics_snapshots WHERE (range, taken_at) IN (
      SELECT range, taken_at FROM (
        SELECT range, taken_at, row_number() OVER (PARTITION BY range, date_trunc('hour', taken_at) ORDER BY taken_at) AS place
        FROM statistics_snapshots WHERE taken_at < ${before(KEEP_ALL_SNAPSHOTS_HOURS * 3_600)}
      ) older WHERE place > 1
    )`.execute(db)
  await sql`DELETE FROM relay_logs WHERE hour < ${days(keepLogsDays)}`.execute(db)
  await sql`
    DELETE FROM observation_batches WHERE set_aside IS NOT NULL AND delivered_at < ${days(keepLogsDays)}`.execute(
    db,
  )
  await sql`
    DELETE FROM observatory_damaged_checkpoints
    WHERE set_aside_at < now() - make_interval(days => ${keepLogsDays})
      AND number < (SELECT max(number) FROM observatory_checkpoints)`.execute(db)
  await sql`
    DELETE FROM clients WHERE name IN (
      SELECT name FROM clients ORDER BY events DESC, last_seen DESC OFFSET ${MAX_KEPT_CLIENTS}
    )`.execute(db)
  // The server's own clock gave them their time.
  await sql`
    DELETE FROM observation_deliveries WHERE delivered_at < now() - make_interval(days => ${KEEP_DELIVERIES_DAYS})`.execute(
    db,
  )
}
