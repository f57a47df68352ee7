import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { MAX_KEPT_CLIENTS, tidy } from './tidy.ts'

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

test('invented names of clients do not fill their table: those with the most events stay', async () => {
  await sql`INSERT INTO clients (name, events, kinds, last_seen)
    SELECT 'invented ' || n, 1, '{1}', to_timestamp(1000 + n) FROM generate_series(1, ${MAX_KEPT_CLIENTS + 50}::integer) n`.execute(
    database.db,
  )
  await sql`INSERT INTO clients (name, events, kinds, last_seen)
    SELECT 'real ' || n, 1000, '{1}', to_timestamp(1) FROM generate_series(1, 10) n`.execute(database.db)
  await tidy(database.db, { keepSnapshotsDays: 1, keepLogsDays: 1 }, 1_800_000_000)
  const { rows } = await sql<{ clients: number; real: number; oldest: string }>`
    SELECT count(*)::integer AS clients, count(*) FILTER (WHERE name LIKE 'real%')::integer AS real,
      (SELECT name FROM clients WHERE events = 1 ORDER BY last_seen LIMIT 1) AS oldest FROM clients`.execute(
    database.db,
  )
  // Of those with as few events the ones that were there last.
  expect(rows).toEqual([{ clients: MAX_KEPT_CLIENTS, real: 10, oldest: 'invented 61' }])
})
