import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { AppError } from '../kernel/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { AccountIds } from './account-ids.ts'
import { GroupWriter } from './group-writer.ts'
import { testClock } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let database: Database
let writer: GroupWriter

beforeAll(async () => {
  database = await testDatabase()
  writer = new GroupWriter({
    db: database.db,
    accountIds: new AccountIds(() => undefined),
    clock: testClock(),
    onCommitted: () => {},
  })
})
afterAll(async () => {
  await writer.stop()
  await database.close()
})

test.each([
  ['once', 'a bug', new AppError('INTERNAL', 'impossible'), 1],
  ['once', 'a bug of the language', new TypeError('x is undefined'), 1],
  ['again', 'addresses none of which answered', new AggregateError([new Error('connect ECONNREFUSED')]), 2],
])('a group is tried %s after %s', async (_how, _what, error, tries) => {
  let tried = 0
  const task = {
    accounts: [],
    decide: () => {
      if (++tried === 1) throw error
      return tried
    },
  }
  const answer = await writer.run([task])?.catch((failure: unknown) => failure)
  expect(tried).toBe(tries)
  if (tries === 1) expect(answer).toMatchObject({ code: 'LEDGER_UNAVAILABLE', cause: error })
  else expect(answer).toEqual([2])
})
