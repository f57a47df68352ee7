import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { beginTestTerm } from '../../platform/leadership/testing/index.ts'
import { Tidying } from './tidying.ts'

const TIDY_EVERY_MS = 10_000
const PATIENCE = { timeout: 20_000, interval: 20 }

let database: Database
let tidying: Tidying
let begun: number

beforeEach(async () => {
  database = await testDatabase()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  begun = 0
  tidying = new Tidying({
    db: database.db,
    logger: pino({ level: 'silent' }),
    term: await beginTestTerm(database.db),
    rewrite: () => void begun++,
    age: () => ({ replayFrom: 1_000_000n, beforeMs: Date.now() }),
  })
})
afterEach(async () => {
  await tidying.stop()
  vi.useRealTimers()
  await database.close()
})

async function rowsLeft(): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`SELECT count(*) FROM ilp_journal`.execute(database.db)
  return Number(rows[0]?.count)
}

test('one tidy removes more old rows than can be written until the next', async () => {
  await sql`INSERT INTO ilp_journal (run, number, written_at, has_losses, body)
    SELECT '00000000-0000-0000-0000-000000000001', number, 1, false, ''
    FROM generate_series(1, 12000) AS number`.execute(database.db)
  vi.advanceTimersByTime(TIDY_EVERY_MS)
  await vi.waitFor(async () => expect(await rowsLeft()).toBe(0), PATIENCE)
})

test('while one tidy waits for the database, no other is begun', async () => {
  await database.db.transaction().execute(async (tx) => {
    await sql`LOCK TABLE ilp_journal, ilp_journal_progress`.execute(tx)
    for (let times = 0; times < 5; times++) {
      vi.advanceTimersByTime(TIDY_EVERY_MS)
      await new Promise(setImmediate)
    }
  })
  await tidying.stop()
  expect(begun).toBe(1)
})
