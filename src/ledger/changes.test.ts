import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type Bus, createMemoryBus } from '../platform/bus/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { AccountChange, LedgerService } from './index.ts'
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
  await add(there, `silent ${names}`, 1n)
  await database.db
    .transaction()
    .execute((tx) =>
      there.postIn(tx, [transfer(`silent in ${names}`, { debit: 'assets/cash', credit: path, amount: 1n })]),
    )
  // The account may have been found between the two.
  await vi.waitFor(() => expect(heard.at(-1)?.balance).toBe(2n), PATIENCE)
  await deaf.stop()
})

test('what is posted at once, in a statement of the caller, is heard of when it is committed', async () => {
  await add(here, `known ${names}`, 1n)
  await add(here, `known too ${names}`, 1n)
  const heard = follow(there)
  await vi.waitFor(async () => {
    await add(there, `begin ${names} ${heard.length}`, 1n)
    expect(heard).not.toHaveLength(0)
  }, PATIENCE)
  const posting = here.postingAtOnce([
    transfer(`at once ${names}`, { debit: 'assets/cash', credit: path, amount: 5n }),
  ])
  const { rows } = await sql<{ numbers: readonly bigint[] }>`SELECT ${posting!.numbers} AS numbers`.execute(
    database.db,
  )
  const before = heard.length
  posting!.committed(rows[0]!.numbers)
  await vi.waitFor(() => expect(heard).toHaveLength(before + 1), { timeout: 1_000 })
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

function follow(ledger: LedgerService): AccountChange[] {
  const heard: AccountChange[] = []
  ledger.subscribe(msat(path), (change) => heard.push(change))
  return heard
}

async function add(ledger: LedgerService, key: string, amount: bigint, to = path): Promise<void> {
  const [outcome] = await ledger.post([transfer(key, { debit: 'assets/cash', credit: to, amount })])
  expect(outcome).toMatchObject({ ok: true })
}
