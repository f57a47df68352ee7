import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import type { StatisticsChanges } from '../changes.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import { foldHours } from './fold-hours.ts'
import { relayHistory } from './index.ts'
import { PendingChanges } from './pending-changes.ts'
import { beginTestTerm, NOW_SECONDS } from './testing/index.ts'
import { writeChanges } from './write-changes.ts'

const PATIENCE = { timeout: 30_000, interval: 10 }
const RELAYS = 104
const KEPT = 100
const TODAY = Math.floor(NOW_SECONDS / SECONDS_PER_DAY)
/** The last day that is folded. */
const LAST_FOLDED = TODAY - KEPT - 1
const FOLDING = { keepHoursDays: KEPT, nowSeconds: NOW_SECONDS }

let database: Database
let term: LeaderTerm
beforeEach(async () => {
  database = await testDatabase()
  term = await beginTestTerm(database.db)
  await sql`INSERT INTO relays (url, origin) SELECT 'wss://fold-' || n || '.example/', 'seed' FROM generate_series(1, ${RELAYS}::integer) n`.execute(
    database.db,
  )
  // Two days that become days, two that do not; hours that are missing, and measurements without a latency.
  await sql`
    INSERT INTO events_aggregated (relay, hour, kind, events)
    SELECT relay, to_timestamp((${TODAY - KEPT - 2}::integer * 24 + h) * 3600::float8), kind, relay + h + kind
    FROM generate_series(1, ${RELAYS}::integer) relay, generate_series(0, 95) h, unnest('{1,7}'::int[]) kind
    WHERE (relay + h) % 5 <> 0`.execute(database.db)
  await sql`
    INSERT INTO relay_hours (relay, hour, region, watched_seconds, connected_seconds, latencies)
    SELECT relay, to_timestamp((${TODAY - KEPT - 2}::integer * 24 + h) * 3600::float8), region, 3600, 3600 - h,
      CASE WHEN relay % 9 = 0 THEN '{}' ELSE array_fill(h, ARRAY[1 + (relay + h) % 6]) END
    FROM generate_series(1, ${RELAYS}::integer) relay, generate_series(0, 95) h, unnest('{eu,us}'::text[]) region
    WHERE (relay + h) % 7 <> 0`.execute(database.db)
})
afterEach(() => database.close())

const DAY = sql`(hour AT TIME ZONE 'UTC')::date - DATE '1970-01-01'`

/** What the tables say of each day, however many rows say it. */
async function daysOf() {
  const { rows: events } = await sql`
    SELECT relay, ${DAY} AS day, kind, sum(events)::integer AS events FROM events_aggregated
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`.execute(database.db)
  const { rows: measured } = await sql`
    SELECT relay, ${DAY} AS day, region, sum(watched_seconds) AS watched, sum(connected_seconds) AS connected
    FROM relay_hours GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`.execute(database.db)
  const { rows: buckets } = await sql`
    SELECT relay, ${DAY} AS day, region, n::integer AS n, sum(count)::integer AS count
    FROM relay_hours, unnest(latencies) WITH ORDINALITY AS bucket (count, n) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`.execute(
    database.db,
  )
  const { rows: network } = await sql`SELECT * FROM daily_network_stats ORDER BY day`.execute(database.db)
  return { events, measured, buckets, network }
}

/** By day: rows, and those of them that are of another hour than the first. */
async function rowsByDay(table: 'events_aggregated' | 'relay_hours') {
  const { rows } = await sql<{ day: number; rows: number; hourly: number }>`
    SELECT ${DAY} AS day, count(*)::integer AS rows,
      (count(*) FILTER (WHERE extract(hour FROM hour AT TIME ZONE 'UTC') <> 0))::integer AS hourly
    FROM ${sql.table(table)} GROUP BY 1 ORDER BY 1`.execute(database.db)
  return rows
}

async function expectFolded(before: Awaited<ReturnType<typeof daysOf>>): Promise<void> {
  expect(await daysOf()).toEqual(before)
  for (const [table, each] of [
    ['events_aggregated', 2],
    ['relay_hours', 2],
  ] as const) {
    const days = await rowsByDay(table)
    expect(days.map(({ day }) => day)).toEqual([
      LAST_FOLDED - 1,
      LAST_FOLDED,
      LAST_FOLDED + 1,
      LAST_FOLDED + 2,
    ])
    for (const { day, rows, hourly } of days) {
      if (day <= LAST_FOLDED)
        expect({ table, day, rows, hourly }).toEqual({ table, day, rows: RELAYS * each, hourly: 0 })
      else expect(hourly).toBeGreaterThan(RELAYS * 10)
    }
  }
}

test('hours of long ago are one row for each day, and every sum of a day is as it was', async () => {
  const before = await daysOf()
  const history = await relayHistory(database.db, 5, 'all', NOW_SECONDS)
  expect(await foldHours(database.db, term, FOLDING)).toBe(true)
  await expectFolded(before)
  expect(await relayHistory(database.db, 5, 'all', NOW_SECONDS)).toEqual(history)
  expect(await foldHours(database.db, term, FOLDING)).toBe(true)
  await expectFolded(before)
  // The next day has its turn a day later.
  expect(await foldHours(database.db, term, { ...FOLDING, nowSeconds: NOW_SECONDS + SECONDS_PER_DAY })).toBe(
    true,
  )
  expect(await daysOf()).toEqual(before)
  expect((await rowsByDay('relay_hours')).map(({ hourly }) => hourly > 0)).toEqual([
    false,
    false,
    false,
    true,
  ])
})

test('it goes on where it was, however few steps a call has', async () => {
  const before = await daysOf()
  let calls = 0
  while (!(await foldHours(database.db, term, { ...FOLDING, maxSteps: 1 }))) calls++
  expect(calls).toBeGreaterThan(3)
  await expectFolded(before)
})

test('a step whose connection is cut has done nothing, and is done by the next call', async () => {
  const before = await daysOf()
  const locked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const holder = database.db.transaction().execute(async (tx) => {
    await sql`LOCK TABLE relay_hours IN SHARE MODE`.execute(tx)
    locked.resolve()
    await release.promise
  })
  await locked.promise
  const cut = foldHours(database.db, term, FOLDING).then(
    () => 'done',
    () => 'cut',
  )
  // In the middle of a step: events are folded and measurements are not.
  await vi.waitFor(async () => {
    const { rows } = await sql<{ ended: boolean }>`
      SELECT pg_terminate_backend(pid) AS ended FROM pg_locks
      WHERE NOT granted AND relation = 'relay_hours'::regclass`.execute(database.db)
    expect(rows).toEqual([{ ended: true }])
  }, PATIENCE)
  expect(await cut).toBe('cut')
  release.resolve()
  await holder
  expect(await daysOf()).toEqual(before)
  expect(await foldHours(database.db, term, FOLDING)).toBe(true)
  await expectFolded(before)
})

test('whoever has lost the term folds nothing', async () => {
  await beginTestTerm(database.db)
  await expect(foldHours(database.db, term, FOLDING)).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' })
})

test('what comes late for a folded day is added to its row, also while it is being folded', async () => {
  // The boundary is there, and no relay is done yet.
  expect(await foldHours(database.db, term, { ...FOLDING, maxSteps: 1 })).toBe(false)
  const late = new PendingChanges()
  const hour = LAST_FOLDED * 24
  late.addStatistics(
    relayEvents([3, 5, 30].map((after) => ({ relay: 9, hour: hour + after, kind: 1, events: 100 }))),
  )
  for (const after of [3, 5]) late.addReport(reportAt((hour + after) * 3_600), 'eu', 'live')
  const before = await daysOf()
  await database.db.transaction().execute((tx) => writeChanges(tx, late))
  const eventsOf = ({ events }: Awaited<ReturnType<typeof daysOf>>, day: number) =>
    events.find((row) => (row as { relay: number }).relay === 9 && (row as { day: number }).day === day)
  const after = await daysOf()
  for (const [day, more] of [
    [LAST_FOLDED, 200],
    [LAST_FOLDED + 1, 100],
  ] as const) {
    const was = eventsOf(before, day) as { events: number }
    expect(eventsOf(after, day)).toEqual({ ...was, events: was.events + more })
  }
  expect(await foldHours(database.db, term, FOLDING)).toBe(true)
  await expectFolded(after)
  const { rows } = await sql<{ watched: number }>`
    SELECT watched_seconds AS watched FROM relay_hours
    WHERE relay = 9 AND region = 'eu' AND hour = to_timestamp(${hour * 3_600})`.execute(database.db)
  const hours = before.measured.find((row) =>
    JSON.stringify(row).startsWith(`{"relay":9,"day":${LAST_FOLDED},"region":"eu"`),
  ) as { watched: number }
  expect(rows).toEqual([{ watched: hours.watched + 20 }])
})

function relayEvents(rows: StatisticsChanges['relayEvents']): StatisticsChanges {
  return {
    relayEvents: rows,
    networkEvents: [],
    clients: [],
    activeUsers: [],
    counted: 0,
    repeated: 0,
    futureDated: 0,
    absurdlyDated: 0,
  }
}

function reportAt(atSeconds: number) {
  return {
    relay: 9,
    atSeconds,
    state: 'live' as const,
    watchedSeconds: 10,
    connectedSeconds: 10,
    openMs: [],
    readMs: [5_000],
    pingMs: [],
    offences: {},
    isProven: true,
    failures: 0,
    nextTrySeconds: 0,
  }
}
