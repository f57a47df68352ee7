import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeEventStoreContract } from '../contract.ts'
import { idsFound, put, testEvent } from '../testing/index.ts'
import { openPostgresStore } from './index.ts'
import {
  freshSchema,
  makePostgresStore,
  noDatabaseBecause,
  openTestDatabase,
  openTestPool,
  type TestDatabase,
} from './testing/index.ts'

describe.skipIf(noDatabaseBecause !== undefined)('in PostgreSQL', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database?.stop())

  describeEventStoreContract(
    'the PostgreSQL store',
    makePostgresStore(() => database.url),
  )

  test('a pool of the caller is used and left open, and the connections are given back', async () => {
    const [pool, schema] = [openTestPool(database.url), freshSchema()]
    const store = await openPostgresStore({ pool, schema })
    const [note, deletion] = [testEvent(), testEvent({ kind: 5, tags: [['e', testEvent().id]] })]
    expect(await put(store, [note, deletion])).toEqual(['stored', 'stored'])
    expect(await put(store, [note])).toEqual(['deleted'])
    expect(await idsFound(store, [{}])).toEqual([deletion.id])
    await store.close()
    expect(pool.idleCount).toBe(pool.totalCount)
    await pool.query(`drop schema "${schema}" cascade`)
    await pool.end()
  })

  test('tables of a newer version of the program are not touched', async () => {
    const schema = freshSchema()
    const store = await openPostgresStore({ url: database.url, schema })
    await store.close()
    const pool = openTestPool(database.url)
    await pool.query(`insert into "${schema}".migration (number, name) values (9999, 'later.sql')`)
    await expect(openPostgresStore({ url: database.url, schema })).rejects.toMatchObject({
      code: 'STORE_UNSUPPORTED_VERSION',
    })
    await pool.query(`drop schema "${schema}" cascade`)
    await pool.end()
  })
})

// Say it aloud: a suite that is skipped in silence looks like one that passed.
if (noDatabaseBecause !== undefined)
  console.warn(`SKIPPED: the event store in PostgreSQL, since ${noDatabaseBecause}`)
