import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { accepted } from '../kernel/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import {
  type LedgerService,
  MAX_AMOUNT,
  MAX_ENTRIES,
  MAX_ENTRIES_AT_ONCE,
  type Transfer,
  trialBalanceOf,
} from './index.ts'
import { msat, NOW_SECONDS, testClock, testLedger, transfer } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 20_000 }

let database: Database
let ledger: LedgerService
const clock = testClock()
let names = 0

beforeAll(async () => {
  database = await testDatabase()
  ledger = testLedger(database, { clock })
})
afterAll(async () => {
  await ledger.stop()
  await database.close()
})
/** Accounts of a test's own. */
let alice: string
let bob: string
let cash: string
beforeEach(() => {
  names++
  alice = `liabilities/credit/alice-${names}`
  bob = `liabilities/credit/bob-${names}`
  cash = `assets/cash-${names}`
})

describe('posting', () => {
  test('a debit adds to assets and expenses, a credit to liabilities, revenue and equity', async () => {
    const paths = ['assets', 'expenses', 'liabilities', 'revenue', 'equity'].map((top) => `${top}/signs`)
    for (const [n, path] of paths.entries()) {
      await post(transfer(`signs ${n}`, { debit: path, credit: 'equity/other', amount: 5n }), {
        mayFail: true,
      })
      await post(transfer(`signs back ${n}`, { debit: 'equity/other', credit: path, amount: 7n }))
    }
    const balances = await Promise.all(paths.map(async (path) => (await ledger.balance(msat(path))).balance))
    // The debit of the liability was refused: it had nothing.
    expect(balances).toEqual([-2n, -2n, 7n, 2n, 2n])
  })

  test('an account that nobody has posted to has nothing', async () => {
    expect(await ledger.balance(msat(alice))).toEqual({ ...msat(alice), balance: 0n, held: 0n })
  })

  test('the same key with the same content is posted once, with another content refused', async () => {
    const first = topUp('once', alice, 10n)
    const posted = await post(first)
    expect(posted).toMatchObject({ isNew: true })
    expect(await post(first)).toEqual({ ...posted, isNew: false })
    const other = topUp('once', alice, 11n)
    const memo = { ...first, memo: 'other' }
    expect(await ledger.post([other, memo, first])).toEqual([
      { ok: false, refusal: { code: 'KEY_REUSED', key: 'once' } },
      { ok: false, refusal: { code: 'KEY_REUSED', key: 'once' } },
      accepted({ ...posted, isNew: false }),
    ])
    expect(await balance(alice)).toBe(10n)
  })

  test('a transfer that would leave too little is refused with what is missing, and its neighbours are posted', async () => {
    const outcomes = await ledger.post([
      topUp('short 1', alice, 10n),
      transfer('short 2', { debit: alice, credit: bob, amount: 13n }),
      transfer('short 3', { debit: alice, credit: bob, amount: 4n }),
      transfer('short 4', { debit: alice, credit: bob, amount: 7n }),
    ])
    expect(outcomes.map((outcome) => (outcome.ok ? 'posted' : outcome.refusal))).toEqual([
      'posted',
      { code: 'SHORT_FUNDS', account: msat(alice), missing: 3n },
      'posted',
      { code: 'SHORT_FUNDS', account: msat(alice), missing: 1n },
    ])
    expect([await balance(alice), await balance(bob)]).toEqual([6n, 4n])
    // It was not posted, so its key is free, and its moment may come.
    await post(topUp('short 5', alice, 1n))
    expect(await post(transfer('short 4', { debit: alice, credit: bob, amount: 7n }))).toMatchObject({
      isNew: true,
    })
  })

  test('entries of one transfer count together: what is taken may be given in the same breath', async () => {
    const both: Transfer = {
      key: 'together',
      memo: '',
      entries: [
        { ...msat(alice), side: 'debit', amount: 5n },
        { ...msat(cash), side: 'debit', amount: 5n },
        { ...msat(alice), side: 'credit', amount: 10n },
      ],
    }
    await post(both)
    expect(await balance(alice)).toBe(5n)
    const { lines } = await ledger.statement(msat(alice))
    expect(lines.map(({ side, amount, balance: after }) => [side, amount, after])).toEqual([
      ['credit', 10n, 5n],
      ['debit', 5n, -5n],
    ])
  })

  test('amounts of 256 bits are kept to the last unit', async () => {
    const wei = { path: alice, asset: 'wei' } as const
    await post({
      key: 'large',
      memo: '',
      entries: [
        { path: cash, asset: 'wei', side: 'debit', amount: MAX_AMOUNT },
        { ...wei, side: 'credit', amount: MAX_AMOUNT },
      ],
    })
    expect((await ledger.balance(wei)).balance).toBe(MAX_AMOUNT)
  })

  test('a floor of the rule holds, also below zero, and no other account of its kind has one', async () => {
    const strict = testLedger(database, {
      clock,
      floorOf: ({ path }) => (path.startsWith('assets/line') ? -3n : undefined),
    })
    const down = (key: string, path: string, amount: bigint) =>
      strict.post([transfer(key, { debit: cash, credit: path, amount })])
    expect(await down('line 1', 'assets/line', 3n)).toMatchObject([{ ok: true }])
    expect(await down('line 2', 'assets/line', 1n)).toMatchObject([{ ok: false, refusal: { missing: 1n } }])
    expect(await down('line 3', 'assets/free', 100n)).toMatchObject([{ ok: true }])
  })

  test.each<[string, Partial<Transfer>]>([
    ['without a key', { key: '' }],
    ['with a key without end', { key: 'x'.repeat(201) }],
    ['with a zero character in its key', { key: 'a\0b' }],
    ['with half a character in its memo', { memo: '\ud800' }],
    ['with a memo without end', { memo: 'x'.repeat(201) }],
    ['without entries', { entries: [] }],
    ['with one entry', { entries: [entry('debit', 1n)] }],
    ['that does not balance', { entries: [entry('debit', 1n), entry('credit', 2n)] }],
    ['of nothing', { entries: [entry('debit', 0n), entry('credit', 0n)] }],
    ['of less than nothing', { entries: [entry('debit', -1n), entry('credit', -1n)] }],
    ['of too much', { entries: [entry('debit', MAX_AMOUNT + 1n), entry('credit', MAX_AMOUNT + 1n)] }],
    ['with a path of one segment', { entries: [entry('debit', 1n), entry('credit', 1n, 'assets')] }],
    ['with a class that is none', { entries: [entry('debit', 1n), entry('credit', 1n, 'money/x')] }],
    ['with capitals in a path', { entries: [entry('debit', 1n), entry('credit', 1n, 'assets/X')] }],
    ['with an empty segment', { entries: [entry('debit', 1n), entry('credit', 1n, 'assets//x')] }],
    ['with a line end behind a path', { entries: [entry('debit', 1n), entry('credit', 1n, 'assets/x\n')] }],
    ['with seven segments', { entries: [entry('debit', 1n), entry('credit', 1n, 'assets/1/2/3/4/5/6')] }],
    [
      'that balances over two assets only',
      { entries: [entry('debit', 1n), { ...entry('credit', 1n), asset: 'usdc' }] },
    ],
    [
      'in an asset that is none',
      { entries: [entry('debit', 1n), { ...entry('credit', 1n), asset: 'toString' as 'msat' }] },
    ],
    ['with too many entries', { entries: Array.from({ length: MAX_ENTRIES + 1 }, () => entry('debit', 1n)) }],
  ])('a transfer %s is refused as invalid, and its neighbour is posted', async (_what, change) => {
    const neighbour = topUp(`beside ${names}`, alice, 1n)
    const flawed = { ...topUp(`flawed ${names}`, alice, 1n), ...change }
    expect(await ledger.post([flawed, neighbour])).toMatchObject([
      { ok: false, refusal: { code: 'INVALID' } },
      { ok: true },
    ])
  })

  test('a transfer of as many entries as may be is posted', async () => {
    const entries = Array.from({ length: MAX_ENTRIES }, (_, n) =>
      entry(n % 2 === 0 ? 'debit' : 'credit', 1n, `equity/many-${n}`),
    )
    expect(await post({ key: 'many', memo: '', entries })).toMatchObject({ isNew: true })
  })

  test('more than may wait is refused whole, and what was taken is posted', async () => {
    const large = Array.from({ length: 24_000 }, (_, n) => topUp(`busy ${n}`, alice, 1n))
    const [first, second] = await Promise.all([
      ledger.post(large),
      ledger.post(large.map((one) => ({ ...one, key: `too ${one.key}` }))),
    ])
    expect(new Set(first.map(({ ok }) => ok))).toEqual(new Set([true]))
    expect(second.filter((outcome) => !outcome.ok && outcome.refusal.code === 'BUSY')).toHaveLength(24_000)
    expect(await balance(alice)).toBe(24_000n)
    expect(ledger.stats().queue.weight).toBe(0)
  })
})

describe('a call', () => {
  test('has a bound, however it comes, and is refused whole beyond it', async () => {
    const tooMany = Array.from({ length: MAX_ENTRIES_AT_ONCE / 2 + 1 }, (_, n) =>
      topUp(`many ${n}`, alice, 1n),
    )
    const inTransaction = database.db.transaction().execute((tx) => ledger.postIn(tx, tooMany))
    for (const outcomes of [await ledger.post(tooMany), await inTransaction]) {
      const texts = outcomes.map(
        (outcome) => !outcome.ok && 'text' in outcome.refusal && outcome.refusal.text,
      )
      expect(texts).toHaveLength(tooMany.length)
      expect(new Set(texts)).toEqual(
        new Set([`a call has at most ${MAX_ENTRIES_AT_ONCE} entries in all, this one 50002`]),
      )
    }
    await post(topUp('makes the accounts', alice, 1n))
    await post(topUp('finds the accounts', alice, 1n))
    expect(ledger.postingAtOnce(tooMany.slice(0, 1))).toBeDefined()
    expect(ledger.postingAtOnce(tooMany)).toBeUndefined()
    expect(await balance(alice)).toBe(2n)
  })
})

describe('in a transaction of the caller', () => {
  test('a posting stands and falls with it', async () => {
    const posting = topUp('in 1', alice, 5n)
    const failing = database.db.transaction().execute(async (tx) => {
      expect(await ledger.postIn(tx, [posting])).toMatchObject([{ ok: true, value: { isNew: true } }])
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect(await balance(alice)).toBe(0n)
    // The account was made in the transaction that is no more.
    expect(await post(posting)).toMatchObject({ isNew: true })
    await database.db.transaction().execute(async (tx) => {
      await ledger.postIn(tx, [topUp('in 2', alice, 6n)])
      await ledger.postIn(tx, [
        topUp('in 3', bob, 6n),
        transfer('in 4', { debit: bob, credit: alice, amount: 7n }),
      ])
    })
    expect([await balance(alice), await balance(bob)]).toEqual([11n, 6n])
  })
})

describe('at once, in a statement of the caller', () => {
  const run = async (transfers: readonly Transfer[]) => {
    const posting = ledger.postingAtOnce(transfers)
    if (posting === undefined) throw new Error('not to be posted at once')
    const { rows } = await sql<{ numbers: readonly bigint[] }>`SELECT ${posting.numbers} AS numbers`.execute(
      database.db,
    )
    posting.committed(rows[0]?.numbers ?? [])
    return rows[0]?.numbers ?? []
  }
  beforeEach(async () => {
    // The first one makes the accounts, the second finds them.
    for (const time of ['first', 'second']) {
      await post(topUp(`${time} ${names}`, alice, 5n))
      await post(transfer(`${time} too ${names}`, { debit: alice, credit: bob, amount: 2n }))
    }
  })

  test('what is posted so is what `post` would have posted, and `post` knows it again', async () => {
    const transfers = [
      transfer(`at once ${names}`, { debit: alice, credit: bob, amount: 5n }),
      transfer(`and back ${names}`, { debit: bob, credit: alice, amount: 2n }),
    ]
    const numbers = await run(transfers)
    expect([await balance(alice), await balance(bob)]).toEqual([3n, 7n])
    expect(await ledger.post(transfers)).toEqual(numbers.map((id) => accepted({ id, isNew: false })))
    const { lines } = await ledger.statement(msat(alice))
    expect(lines.map(({ amount, side, balance: after }) => [side, amount, after]).slice(0, 2)).toEqual([
      ['credit', 2n, 3n],
      ['debit', 5n, 1n],
    ])
    const trial = await ledger.trialBalance()
    expect(trial.filter(({ wrongBalances }) => wrongBalances > 0)).toEqual([])
    expect(trial.map(({ asset }) => asset)).toContain('msat')
  })

  test('all fails when one account is short, though a later transfer would make up for it', async () => {
    const short = transfer(`short ${names}`, { debit: alice, credit: bob, amount: 7n })
    const funds = topUp(`funds ${names}`, alice, 100n)
    await expect(run([short, funds])).rejects.toThrow('less than its floor')
    expect([await balance(alice), await balance(bob)]).toEqual([6n, 4n])
    await run([funds, short])
    expect([await balance(alice), await balance(bob)]).toEqual([99n, 11n])
  })

  test('all fails when a key is known, and what is held cannot be posted away', async () => {
    const known = topUp(`first ${names}`, alice, 5n)
    await expect(run([topUp(`new ${names}`, alice, 1n), known])).rejects.toThrow('duplicate key')
    await ledger.reserve({
      key: `held ${names}`,
      account: msat(alice),
      amount: 4n,
      expiresAtSeconds: NOW_SECONDS + 60,
      memo: '',
    })
    const all = transfer(`all of it ${names}`, { debit: alice, credit: bob, amount: 6n })
    await expect(run([all])).rejects.toThrow('ledger_accounts_floor')
    expect(await balance(alice)).toBe(6n)
  })

  test('what has no meaning, or an account that is not known by its number, is for `postIn`', () => {
    const unbalanced = { ...topUp('unbalanced', alice, 1n), entries: [] }
    expect(ledger.postingAtOnce([unbalanced])).toBeUndefined()
    expect(ledger.postingAtOnce([topUp('nobody', 'liabilities/credit/nobody', 1n)])).toBeUndefined()
  })
})

describe('what is shown', () => {
  test('a statement comes newest first, by pages that end between transfers, and can be narrowed in time', async () => {
    const start = clock.nowMs()
    for (let n = 1; n <= 7; n++) {
      await post(topUp(`line ${names} ${n}`, alice, BigInt(n)))
      clock.advanceMs(1_000)
    }
    const first = await ledger.statement(msat(alice), { limit: 3 })
    expect(first.lines.map(({ amount, balance: after }) => [amount, after])).toEqual([
      [7n, 28n],
      [6n, 21n],
      [5n, 15n],
    ])
    const second = await ledger.statement(msat(alice), { limit: 3, before: first.next! })
    const third = await ledger.statement(msat(alice), { limit: 3, before: second.next! })
    expect([...second.lines, ...third.lines].map(({ amount }) => amount)).toEqual([4n, 3n, 2n, 1n])
    expect(third.next).toBeUndefined()
    const some = await ledger.statement(msat(alice), { fromMs: start + 1_000, toMs: start + 3_000 })
    expect(some.lines.map(({ key, atMs }) => [key, atMs])).toEqual([
      [`line ${names} 3`, start + 2_000],
      [`line ${names} 2`, start + 1_000],
    ])
  })

  test('a transfer with several lines of the account is not torn between pages', async () => {
    for (let n = 0; n < 3; n++) {
      await post({
        key: `torn ${n}`,
        memo: '',
        entries: [...Array.from({ length: 4 }, () => entry('credit', 1n, alice)), entry('debit', 4n, cash)],
      })
    }
    const sizes: number[] = []
    for (let before: bigint | undefined, isFirst = true; isFirst || before !== undefined; isFirst = false) {
      const page = await ledger.statement(msat(alice), { limit: 3, ...(before !== undefined && { before }) })
      sizes.push(page.lines.length)
      before = page.next
    }
    expect(sizes).toEqual([4, 4, 4, 0])
  })

  test('accounts come by path and asset, by pages, below a prefix and in an asset', async () => {
    for (const [n, path] of ['b', 'a', 'c/1', 'c/~'].entries()) {
      await post(topUp(`list ${n}`, `liabilities/list/${path}`, BigInt(n + 1)))
    }
    const prefix = 'liabilities/list/'
    const all = await ledger.accounts({ prefix })
    expect(all).toEqual(
      [
        ['a', 2n],
        ['b', 1n],
        ['c/1', 3n],
        ['c/~', 4n],
      ].map(([path, amount]) => ({ ...msat(`${prefix}${path}`), balance: amount, held: 0n, floor: 0n })),
    )
    expect(await ledger.accounts({ prefix, after: all[0]!, limit: 2 })).toEqual(all.slice(1, 3))
    expect(await ledger.accounts({ prefix, asset: 'wei' })).toEqual([])
  })

  test('a page may begin behind any text, also one that is no path', async () => {
    await post(topUp('behind', 'liabilities/behind/a', 1n))
    const prefix = 'liabilities/behind/'
    expect(await ledger.accounts({ prefix, after: msat('X') })).toHaveLength(1)
    expect(await ledger.accounts({ prefix, after: msat('x') })).toEqual([])
  })

  test('the trial balance has the sums of all entries, and counts what is not as it was posted', async () => {
    const other = await testDatabase()
    const books = testLedger(other, { clock })
    await books.post([topUp('tb 1', alice, 5n), topUp('tb 2', bob, 6n)])
    await books.reserve({
      key: 'tb',
      account: msat(alice),
      amount: 2n,
      expiresAtSeconds: NOW_SECONDS * 2,
      memo: '',
    })
    const sound = { asset: 'msat', debits: 11n, credits: 11n, wrongBalances: 0 }
    expect(await books.trialBalance()).toEqual([sound])
    await sql`SET session_replication_role = replica; UPDATE ledger_accounts SET balance = balance + 1 WHERE path = ${sql.lit(alice)};
      UPDATE ledger_accounts SET held = 1 WHERE path = ${sql.lit(bob)}`.execute(other.db)
    expect(await books.trialBalance()).toEqual([{ ...sound, wrongBalances: 2 }])
    await books.stop()
    await other.close()
  })
})

describe('a trial balance that takes long', () => {
  let other: Database
  let books: LedgerService
  let entriesAreFree: () => void
  let untilFree: Promise<unknown>
  beforeEach(async () => {
    other = await testDatabase()
    books = testLedger(other, { clock })
    await books.post([topUp('long', alice, 5n)])
    const { promise: free, resolve } = Promise.withResolvers<void>()
    const { promise: locked, resolve: isLocked } = Promise.withResolvers<void>()
    entriesAreFree = resolve
    untilFree = other.db.transaction().execute(async (tx) => {
      await sql`LOCK TABLE ledger_entries`.execute(tx)
      isLocked()
      await free
    })
    await locked
  })
  afterEach(async () => {
    entriesAreFree()
    await untilFree
    await books.stop()
    await other.close()
  })

  test('is made once for all who ask meanwhile, and anew for who asks afterwards', async () => {
    const asked = Array.from({ length: 10 }, () => books.trialBalance())
    const running = await vi.waitFor(async () => {
      const { rows } = await sql`SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(other.db)
      expect(rows).not.toHaveLength(0)
      return rows
    }, PATIENCE)
    expect(running).toHaveLength(1)
    entriesAreFree()
    const line = { asset: 'msat', debits: 5n, credits: 5n, wrongBalances: 0 }
    expect(await Promise.all(asked)).toEqual(asked.map(() => [line]))
    await books.post([topUp('longer', alice, 1n)])
    expect(await books.trialBalance()).toEqual([{ ...line, debits: 6n, credits: 6n }])
  })

  test('is given up after its time, with a word that says so', async () => {
    await expect(trialBalanceOf(other.db, 50)).rejects.toMatchObject({
      code: 'LEDGER_UNAVAILABLE',
      message: expect.stringContaining('50 ms'),
    })
  })
})

async function post(posting: Transfer, { mayFail = false } = {}) {
  const [outcome] = await ledger.post([posting])
  if (!mayFail) expect(outcome).toMatchObject({ ok: true })
  return outcome?.ok === true ? outcome.value : undefined
}

async function balance(path: string): Promise<bigint> {
  return (await ledger.balance(msat(path))).balance
}

function topUp(key: string, account: string, amount: bigint): Transfer {
  return transfer(key, { debit: cash, credit: account, amount })
}

function entry(side: 'debit' | 'credit', amount: bigint, path = 'equity/x') {
  return { ...msat(path), side, amount } as const
}
