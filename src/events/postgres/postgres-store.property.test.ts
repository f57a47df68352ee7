import { afterAll, beforeAll, describe, test } from 'vitest'
import { createMemoryStore } from '../memory/index.ts'
import { assertEnginesAgreeOnRandomStreams, type MakeStore } from '../testing/index.ts'
import { makePostgresStore, noDatabaseBecause, openTestDatabase, type TestDatabase } from './testing/index.ts'

const makeMemoryStore: MakeStore = async () => {
  const store = createMemoryStore()
  return { store, reopen: async () => store, dispose: () => store.close() }
}

describe.skipIf(noDatabaseBecause !== undefined)('in PostgreSQL', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database?.stop())

  test('the PostgreSQL engine answers as the memory engine does, whatever happens to both', async () => {
    const makeStore = makePostgresStore(() => database.url)
    await assertEnginesAgreeOnRandomStreams(makeMemoryStore, makeStore, { runs: 60 })
  }, 180_000)
})

// Say it aloud: a suite that is skipped in silence looks like one that passed.
if (noDatabaseBecause !== undefined)
  console.warn(`SKIPPED: the event store in PostgreSQL, since ${noDatabaseBecause}`)
