import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HYPERLOGLOG_REGISTERS } from '../../nostr/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { activeDays, windowUsers } from './index.ts'

const HOUR = 3_600
const DAY = 86_400
const MIDNIGHT = Date.UTC(2026, 10, 21) / 1_000

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

async function addHour(atSeconds: number, kind: number, events: number): Promise<void> {
  await sql`INSERT INTO network_events (hour, kind, events, zaps, zap_msat)
    VALUES (to_timestamp(${atSeconds}::float8), ${kind}, ${events}, 1, 1000)`.execute(database.db)
}

/** A day with users, by the ranks of some registers. */
async function addUsers(daySeconds: number, users: number, ranks: Readonly<Record<number, number>>) {
  const registers = Buffer.alloc(HYPERLOGLOG_REGISTERS)
  for (const [register, rank] of Object.entries(ranks)) registers[Number(register)] = rank
  await sql`INSERT INTO active_users (day, users, new_users, registers)
    VALUES ((to_timestamp(${daySeconds}::float8) AT TIME ZONE 'UTC')::date, ${users}, 0, ${registers})`.execute(
    database.db,
  )
}

test('the days of a window are those that it touches and of which there is anything, whatever zone the server is in', async () => {
  await addHour(MIDNIGHT - HOUR, 1, 1)
  await addHour(MIDNIGHT, 1, 2)
  await addHour(MIDNIGHT + 23 * HOUR, 7, 3)
  await addHour(MIDNIGHT + DAY, 1, 4)
  await addHour(MIDNIGHT + 3 * DAY, 1, 5)
  await addUsers(MIDNIGHT, 2, {})
  await sql`SET TIME ZONE 'Asia/Kathmandu'`.execute(database.db)
  const days = (since: number, until: number) => activeDays(database.db, since, until)
  const today = { startSeconds: MIDNIGHT, events: 5, users: 2, zaps: 2, zapMsat: 2000n }
  const tomorrow = { startSeconds: MIDNIGHT + DAY, events: 4, users: 0, zaps: 1, zapMsat: 1000n }
  expect(await days(MIDNIGHT, MIDNIGHT + DAY)).toEqual([today])
  expect(await days(MIDNIGHT + HOUR, MIDNIGHT + DAY + 1)).toEqual([today, tomorrow])
  expect((await days(MIDNIGHT - 1, MIDNIGHT + 4 * DAY)).map(({ events }) => events)).toEqual([1, 5, 4, 5])
  expect(await days(MIDNIGHT + 10 * DAY, MIDNIGHT + 11 * DAY)).toEqual([])
})

test('users of a window are exact for one day, and an estimate of those of all its days for more', async () => {
  await addUsers(MIDNIGHT, 7, { 0: 1, 1: 2 })
  await addUsers(MIDNIGHT + DAY, 9, { 1: 1, 2: 1 })
  const users = (since: number, until: number) => windowUsers(database.db, since, until)
  expect(await users(MIDNIGHT, MIDNIGHT + DAY)).toEqual({ count: 7, isApproximate: false, error: 0 })
  expect(await users(MIDNIGHT - DAY, MIDNIGHT)).toEqual({ count: 0, isApproximate: false, error: 0 })
  // Three registers of 256 are not empty: so many at least were there.
  expect(await users(MIDNIGHT, MIDNIGHT + DAY + 1)).toMatchObject({ count: 3, isApproximate: true })
})
