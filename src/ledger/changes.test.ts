import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type Bus, createMemoryBus } from '../platform/bus/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { AccountChange, LedgerService, Transfer } from './index.ts'
import { encodeNews, NEWS_CHANNEL } from './news.ts'
import { msat, testLedger, transfer } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 20_000, interval: 10 }

let database: Database
let bus: Bus
let here: LedgerService
let there: LedgerService
let names = 0
let path: string

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(() => {
  path = `liabilities/followed/${names++}`
  bus = createMemoryBus()
  here = testLedger(database, { bus })
  there = testLedger(database, { bus })
})
afterEach(async () => {
  await here.stop()
  await there.stop()
})

test('each change of an account is told once and in order, whichever process made it, and none of another account', async () => {
  const heard = follow(here)
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => add(n % 2 === 0 ? here : there, `all ${names} ${n}`, 1n)),
  )
  await add(here, `else ${names}`, 1n, 'liabilities/followed/other')
  await vi.waitFor(() => expect(heard).toHaveLength(30), PATIENCE)
  expect(heard.map(({ balance }) => balance)).toEqual(Array.from({ length: 30 }, (_, n) => BigInt(n + 1)))
  expect(heard[0]).toEqual({ ...msat(path), balance: 1n, held: 0n, transferId: expect.any(BigInt) })
})

test('whoever follows an account that has a past hears of what comes, not of what was', async () => {
  await add(here, `past ${names}`, 5n)
  const heard = follow(here)
  await add(here, `then ${names}`, 1n)
  await vi.waitFor(() => expect(heard.map(({ balance }) => balance)).toEqual([6n]), PATIENCE)
})

test('what no message tells of is found all the same', async () => {
  const deaf = testLedger(database, { bus: createMemoryBus() })
  const heard = follow(deaf)
  await add(deaf, `begin ${names}`, 1n)
  await vi.waitFor(() => expect(heard).toHaveLength(1), PATIENCE)
  await add(there, `silent ${names}`, 1n)
  await database.db
    .transaction()
    .execute((tx) =>
      there.postIn(tx, [transfer(`silent in ${names}`, { debit: 'assets/cash', credit: path, amount: 1n })]),
    )
  await vi.waitFor(() => expect(heard.map(({ balance }) => balance)).toEqual([1n, 2n, 3n]), PATIENCE)
  await deaf.stop()
})

test('what is posted at once, in a statement of the caller, is heard of when it is committed', async () => {
  await add(here, `known ${names}`, 1n)
  await add(here, `known too ${names}`, 1n)
  const heard = follow(there)
  await add(there, `begin ${names}`, 1n)
  await vi.waitFor(() => expect(heard).toHaveLength(1), PATIENCE)
  const posting = here.postingAtOnce([
    transfer(`at once ${names}`, { debit: 'assets/cash', credit: path, amount: 5n }),
  ])
  const { rows } = await sql<{ numbers: readonly bigint[] }>`SELECT ${posting!.numbers} AS numbers`.execute(
    database.db,
  )
  posting!.committed(rows[0]!.numbers)
  await vi.waitFor(() => expect(heard).toHaveLength(2), { timeout: 1_000 })
  expect(heard.at(-1)?.transferId).toBe(rows[0]!.numbers[0])
})

test('who stops hears nothing more, and a listener that fails does not keep others from hearing', async () => {
  const heard: AccountChange[] = []
  const stopped: AccountChange[] = []
  here.subscribe(msat(path), () => {
    throw new Error('a listener that fails')
  })
  const stop = here.subscribe(msat(path), (change) => stopped.push(change))
  here.subscribe(msat(path), (change) => heard.push(change))
  await add(here, `first ${names}`, 1n)
  await vi.waitFor(() => expect(heard).toHaveLength(1), PATIENCE)
  stop()
  stop()
  await add(here, `second ${names}`, 1n)
  await vi.waitFor(() => expect(heard).toHaveLength(2), PATIENCE)
  expect(stopped).toHaveLength(1)
  expect(here.stats().subscriptions).toBe(2)
})

test('a long row of changes that came while nobody looked is told to its end', async () => {
  const heard = follow(here)
  await add(there, `begin ${names}`, 1n)
  await vi.waitFor(() => expect(heard).toHaveLength(1), PATIENCE)
  const many = Array.from({ length: 2_500 }, (_, n) =>
    transfer(`long ${names} ${n}`, { debit: 'assets/cash', credit: path, amount: 1n }),
  )
  await database.db.transaction().execute((tx) => there.postIn(tx, many))
  await vi.waitFor(() => expect(heard).toHaveLength(2_501), PATIENCE)
  expect(heard.at(-1)?.balance).toBe(2_501n)
})

test('messages that overtook each other, while an account is looked at for the first time, hide nothing', async () => {
  for (const time of ['before', 'earlier', 'later']) await add(there, `${time} ${names}`, 1n)
  const { lines } = await there.statement(msat(path))
  const { id } = await database.db
    .selectFrom('ledger_accounts')
    .select('id')
    .where('path', '=', path)
    .executeTakeFirstOrThrow()
  const heard = follow(here)
  // Newest first: the message of the later transfer overtakes that of the earlier one.
  for (const { transferId } of lines.slice(0, 2)) {
    bus.publish(NEWS_CHANNEL, encodeNews(randomBytes(16), new Map([[id, transferId]])))
  }
  await vi.waitFor(() => expect(heard.map(({ balance }) => balance)).toEqual([2n, 3n]), PATIENCE)
})

test('an account that is not there yet costs nothing with each group that is posted, and is found when it is', async () => {
  const other = await testDatabase()
  const ledger = testLedger(other)
  const statements = () => other.stats().statements.counts.reduce((sum, count) => sum + count, 0)
  const post = async (name: string) => {
    const before = statements()
    for (let n = 0; n < 30; n++) await add(ledger, `${name} ${n}`, 1n, 'liabilities/followed/other')
    return statements() - before
  }
  await post('first')
  const alone = await post('alone')
  const heard = follow(ledger)
  // Besides, it is looked for every two seconds.
  expect(await post('followed')).toBeLessThan(alone + 15)
  await add(ledger, 'now it is there', 7n)
  await vi.waitFor(() => expect(heard.map(({ balance }) => balance)).toEqual([7n]), PATIENCE)
  await ledger.stop()
  await other.close()
})

test('however many accounts changed however often, one query reads a bounded part of it', async () => {
  const sizes: number[] = []
  const db = database.db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      sizes.push(result.rows.length)
      return result
    },
  })
  const paths = Array.from({ length: 300 }, (_, n) => `${path}/${n}`)
  const payAll = (key: string): Transfer => ({
    key,
    memo: '',
    entries: [
      { ...msat('assets/cash'), side: 'debit', amount: 300n },
      ...paths.map((each) => ({ ...msat(each), side: 'credit', amount: 1n }) as const),
    ],
  })
  await here.post([payAll(`all begin ${names}`)])
  const reading = testLedger({ db }, { bus: createMemoryBus() })
  const heard = new Map<string, bigint[]>()
  for (const each of paths) {
    reading.subscribe(msat(each), ({ balance }) => heard.set(each, [...(heard.get(each) ?? []), balance]))
  }
  // The first look is over when one of them was told of something.
  await here.post([payAll(`all first ${names}`)])
  await vi.waitFor(() => expect(heard.size).toBeGreaterThan(0), PATIENCE)
  await here.post(Array.from({ length: 120 }, (_, n) => payAll(`all ${names} ${n}`)))
  await vi.waitFor(() => expect([...heard.values()].every((all) => all.at(-1) === 122n)).toBe(true), PATIENCE)
  expect(heard.size).toBe(paths.length)
  for (const all of heard.values()) expect(all).toEqual(all.map((_, n) => 122n - BigInt(all.length - 1 - n)))
  expect(Math.max(...sizes)).toBeLessThanOrEqual(20_000)
  await reading.stop()
})

function follow(ledger: LedgerService): AccountChange[] {
  const heard: AccountChange[] = []
  ledger.subscribe(msat(path), (change) => heard.push(change))
  return heard
}

async function add(ledger: LedgerService, key: string, amount: bigint, to = path): Promise<void> {
  const [outcome] = await ledger.post([transfer(key, { debit: 'assets/cash', credit: to, amount })])
  expect(outcome).toMatchObject({ ok: true })
}
