import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { addRelay, allowRelay, listRelays, readStanding, refuseRelay, tableDirectory } from './index.ts'

const BAD = 'wss://bad.example.org'
const GOOD = 'wss://good.example.org'
const ROOM = { maxRelays: 100 }

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

const inTransaction = <T>(act: (tx: Parameters<typeof addRelay>[0]) => Promise<T>) =>
  database.db.transaction().execute(act)
const add = (url: string, { maxRelays } = ROOM) => inTransaction((tx) => addRelay(tx, { url, maxRelays }))
const refuse = (url: string, { maxRelays } = ROOM) =>
  inTransaction((tx) => refuseRelay(tx, { url, maxRelays, by: 'cli', why: 'it lies' }))
const allow = (url: string) => inTransaction((tx) => allowRelay(tx, url))

test('a relay that an operator adds is in the directory of every collector, once', async () => {
  expect(await add(GOOD)).toMatchObject({ ok: true, value: { isNew: true } })
  expect(await add(GOOD)).toMatchObject({ ok: true, value: { isNew: false } })
  const entries = await tableDirectory(database.db, ROOM).all()
  expect(entries.map(({ url }) => url)).toEqual([GOOD])
  expect(entries[0]).not.toHaveProperty('isRefused')
  expect(await listRelays(database.db, {})).toMatchObject([{ url: GOOD, origin: 'operator' }])
})

test('a refused relay is refused in the directory, also when somebody learns of it afterwards, until it is allowed', async () => {
  expect(await refuse(BAD)).toMatchObject({ ok: true })
  const directory = tableDirectory(database.db, ROOM)
  expect(await directory.learn([BAD, GOOD], 'relay-list')).toMatchObject([
    { url: BAD, isRefused: true },
    { url: GOOD },
  ])
  expect(await add(BAD)).toMatchObject({ ok: false, refusal: { code: 'DECIDED' } })
  expect(await listRelays(database.db, { isRefused: true })).toMatchObject([
    { url: BAD, refused: { by: 'cli', why: 'it lies' } },
  ])
  expect(await allow(BAD)).toMatchObject({ ok: true })
  expect(await allow(BAD)).toMatchObject({ ok: false, refusal: { code: 'NOT_FOUND' } })
  expect((await directory.all()).filter(({ isRefused }) => isRefused === true)).toEqual([])
})

test('the bound of the directory holds for operators too, and they are told', async () => {
  const room = { maxRelays: 1 }
  await add(GOOD, room)
  for (const choose of [add, refuse])
    expect(await choose(BAD, room)).toMatchObject({ ok: false, refusal: { code: 'LIMIT_REACHED' } })
  expect(await refuse(GOOD, room)).toMatchObject({ ok: true })
})

test('relays are listed by address in pages, and by what is asked for', async () => {
  const urls = Array.from({ length: 7 }, (_, index) => `wss://r${index}.example.org`)
  await tableDirectory(database.db, ROOM).learn(urls, 'seed')
  const found: string[] = []
  for (let after: string | undefined; ; after = found.at(-1)) {
    const page = await listRelays(database.db, { limit: 3, ...(after !== undefined && { after }) })
    if (page.length === 0) break
    found.push(...page.map(({ url }) => url))
  }
  expect(found).toEqual(urls)
  expect((await listRelays(database.db, { text: 'R3.EX' })).map(({ url }) => url)).toEqual([urls[3]])
  expect(await listRelays(database.db, { text: '%' })).toEqual([])
  expect(await listRelays(database.db, { state: 'live' })).toEqual([])
})

test('without a process that keeps the figures the database says that there is none', async () => {
  expect(await readStanding(database.db)).toEqual({
    hasKeeper: false,
    snapshotAtSeconds: undefined,
    unreadableState: undefined,
    checkpointSetAsideAtSeconds: undefined,
    tooOldObservations: 0,
    waitingBatches: 0,
    waitingSinceSeconds: undefined,
    setAsideBatches: 0,
    collectors: [],
  })
})
