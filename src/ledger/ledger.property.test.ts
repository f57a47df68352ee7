import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createManualClock, type Outcome } from '../kernel/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { AccountId, CommitRefusal, Entry, LedgerService, Transfer } from './index.ts'
import { NOW_SECONDS, testLedger } from './testing/index.ts'
import { LedgerModel, type ModelAnswer } from './testing/model.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

type Move =
  | { readonly do: 'post'; readonly transfers: readonly Transfer[] }
  | { readonly do: 'post in'; readonly transfers: readonly Transfer[] }
  | {
      readonly do: 'reserve'
      readonly key: string
      readonly account: AccountId
      readonly amount: bigint
      readonly at: number
    }
  | { readonly do: 'commit'; readonly key: string; readonly transfer: Transfer }
  | { readonly do: 'void'; readonly key: string }
  | { readonly do: 'wait'; readonly seconds: number }

/** Few accounts, keys and small amounts, so that they meet. */
const account: fc.Arbitrary<AccountId> = fc.record({
  path: fc.constantFrom('assets/cash', 'liabilities/a', 'liabilities/b', 'revenue/fees'),
  asset: fc.constantFrom('msat' as const, 'usdc' as const),
})
const amount = fc.bigInt(1n, 6n)
const pair = fc.tuple(account, account, amount).map(([debit, credit, units]): readonly Entry[] => [
  { ...debit, side: 'debit', amount: units },
  { ...credit, asset: debit.asset, side: 'credit', amount: units },
])
const transfer: fc.Arbitrary<Transfer> = fc.record({
  key: fc.integer({ min: 1, max: 30 }).map((n) => `t${n}`),
  memo: fc.constant(''),
  entries: fc.array(pair, { minLength: 1, maxLength: 3 }).map((pairs) => pairs.flat()),
})
const transfers = fc.array(transfer, { minLength: 1, maxLength: 5 })
const holdKey = fc.integer({ min: 1, max: 6 }).map((n) => `h${n}`)
/** The same whenever it is asked for under this key, so that many a reservation is asked for again. */
const usualReservation = fc.integer({ min: 1, max: 6 }).map((n) => ({
  do: 'reserve' as const,
  key: `h${n}`,
  account: { path: n % 2 === 0 ? 'liabilities/a' : 'assets/cash', asset: 'msat' as const },
  amount: BigInt(n),
  at: n,
}))
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: usualReservation },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('post' as const), transfers }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('post in' as const), transfers }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      key: holdKey,
      account,
      amount,
      at: fc.integer({ min: 0, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('commit' as const), key: holdKey, transfer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const), key: holdKey }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 4 }) }),
  },
)
/** Moves of one turn are made at once, and share a transaction. */
const turns = fc.array(fc.array(move, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 })

let runs = 0

test('whatever is asked, one by one or at once, is answered and booked as the plain model does', async () => {
  await fc.assert(
    fc.asyncProperty(turns, async (all) => {
      // Every run has accounts and keys of its own, in one database.
      const name = `run-${runs++}`
      const clock = createManualClock(NOW_SECONDS * 1_000)
      const ledger = testLedger(database, { clock })
      const model = new LedgerModel(NOW_SECONDS)
      for (const turn of all) {
        const made = turn.map((one) => within(name, one))
        const waited = made.reduce((sum, one) => sum + (one.do === 'wait' ? one.seconds : 0), 0)
        clock.advanceSeconds(waited)
        model.nowSeconds += waited
        // What goes through the caller's transaction is not in order with the rest: it has a turn of its own.
        const [apart, together] = [made.filter(isApart), made.filter((one) => !isApart(one))]
        const answers = (await Promise.all(together.map((one) => ask(ledger, one)))).flat()
        expect(answers).toEqual(together.flatMap((one) => askModel(model, one)))
        for (const one of apart) expect(await ask(ledger, one)).toEqual(askModel(model, one))
      }
      await expectSame(ledger, model, name)
      await ledger.stop()
    }),
    { numRuns: 60 },
  )
})

function isApart(one: Move): boolean {
  return one.do === 'post in'
}

async function ask(ledger: LedgerService, one: Move): Promise<readonly ModelAnswer[]> {
  switch (one.do) {
    case 'post':
      return (await ledger.post(one.transfers)).map(answerOf)
    case 'post in':
      return database.db
        .transaction()
        .execute(async (tx) => (await ledger.postIn(tx, one.transfers)).map(answerOf))
    case 'reserve':
      return [answerOf(await ledger.reserve({ ...one, expiresAtSeconds: NOW_SECONDS + one.at, memo: '' }))]
    case 'commit':
      return [answerOf(await ledger.commit(one.key, one.transfer))]
    case 'void':
      return [answerOf(await ledger.void(one.key))]
    case 'wait':
      return []
  }
}

function askModel(model: LedgerModel, one: Move): readonly ModelAnswer[] {
  switch (one.do) {
    case 'post':
    case 'post in':
      return one.transfers.map((each) => model.post(each))
    case 'reserve':
      return [model.reserve(one.key, one.account, one.amount, NOW_SECONDS + one.at)]
    case 'commit':
      return [model.commit(one.key, one.transfer)]
    case 'void':
      return [model.void(one.key)]
    case 'wait':
      return []
  }
}

const WORDS = {
  SHORT_FUNDS: 'short',
  KEY_REUSED: 'reused',
  INVALID: 'invalid',
  NOT_FOUND: 'not found',
  NOT_OPEN: 'not open',
} as const

function answerOf(outcome: Outcome<{ readonly isNew: boolean } | undefined, CommitRefusal>): ModelAnswer {
  if (outcome.ok) return outcome.value === undefined ? 'voided' : outcome.value.isNew ? 'new' : 'known'
  const { code } = outcome.refusal
  if (code === 'BUSY') throw new Error('the ledger was busy')
  return WORDS[code]
}

/** Balances are the model's, the last line of each statement says the same, and the books balance. */
async function expectSame(ledger: LedgerService, model: LedgerModel, name: string): Promise<void> {
  const wanted = new Map<string, bigint>()
  for (const { entries } of model.transfers.values()) {
    for (const { path, asset } of entries) wanted.set(`${path} ${asset}`, model.balance({ path, asset }))
  }
  const accounts = await Promise.all(
    ['assets', 'liabilities', 'revenue'].map((top) =>
      ledger.accounts({ prefix: `${top}/${name}/`, limit: 1_000 }),
    ),
  )
  for (const { path, asset, balance, held } of accounts.flat()) {
    expect({ path, asset, balance }).toEqual({ path, asset, balance: model.balance({ path, asset }) })
    const { lines } = await ledger.statement({ path, asset }, { limit: 1_000 })
    expect(lines[0]?.balance ?? 0n).toBe(balance)
    // What has expired may be held until somebody needs it.
    expect(held).toBeGreaterThanOrEqual(model.held({ path, asset }))
  }
  const posted = new Set(accounts.flat().map(({ path, asset }) => `${path} ${asset}`))
  expect([...wanted.keys()].filter((one) => !posted.has(one))).toEqual([])
  for (const { debits, credits, wrongBalances } of await ledger.trialBalance()) {
    expect({ credits, wrongBalances }).toEqual({ credits: debits, wrongBalances: 0 })
  }
}

/** The move among accounts and keys of this run. */
function within(name: string, one: Move): Move {
  const path = (text: string) => text.replace('/', `/${name}/`)
  const rename = (each: Transfer): Transfer => ({
    ...each,
    key: `${name} ${each.key}`,
    entries: each.entries.map((entry) => ({ ...entry, path: path(entry.path) })),
  })
  switch (one.do) {
    case 'post':
    case 'post in':
      return { ...one, transfers: one.transfers.map(rename) }
    case 'reserve':
      return { ...one, key: `${name} ${one.key}`, account: { ...one.account, path: path(one.account.path) } }
    case 'commit':
      return { ...one, key: `${name} ${one.key}`, transfer: rename(one.transfer) }
    case 'void':
      return { ...one, key: `${name} ${one.key}` }
    case 'wait':
      return one
  }
}
