import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Database, openDatabase } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { LedgerService, PostRefusal, Transfer, TrialBalanceLine } from './index.ts'
import { msat, NOW_SECONDS, testLedger, transfer } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PROCESSES = 12
const CONNECTIONS_EACH = 2
const CALLS_EACH = 15
const ACCOUNTS = 6
const FUNDS = 50n

let database: Database
let others: Database[]
let ledgers: LedgerService[]

beforeAll(async () => {
  database = await testDatabase()
  others = await Promise.all(Array.from({ length: PROCESSES }, openOther))
  ledgers = others.map((other) => testLedger(other))
})
afterAll(async () => {
  await Promise.all(ledgers.map((ledger) => ledger.stop()))
  await Promise.all(others.map((other) => other.close()))
  await database.close()
})

test('many processes move money between few accounts: no deadlock, and at every moment nothing below its floor, nothing made or lost', async () => {
  const paths = Array.from({ length: ACCOUNTS }, (_, n) => `liabilities/few/${n}`)
  await ledgers[0]!.post(
    paths.map((path) => transfer(`fund ${path}`, { debit: 'assets/few', credit: path, amount: FUNDS })),
  )
  const refusals: PostRefusal[] = []
  const watcher = testLedger(database)
  const seen: { readonly free: readonly bigint[]; readonly trial: readonly TrialBalanceLine[] }[] = []
  let isOver = false
  const watching = (async () => {
    for (; !isOver; await delay(5)) {
      const [accounts, trial] = await Promise.all([
        watcher.accounts({ prefix: 'liabilities/few/' }),
        watcher.trialBalance(),
      ])
      seen.push({ free: accounts.map(({ balance, held }) => balance - held), trial })
    }
  })()
  await Promise.all(
    ledgers.flatMap((ledger, process) => [
      spendAtRandom(ledger, `${process}`, paths, refusals),
      spendInTransactions(others[process]!, ledger, `${process}`, paths, refusals),
      holdAtRandom(ledger, `${process}`, paths),
    ]),
  )
  isOver = true
  await watching
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['SHORT_FUNDS']))
  expect(seen.length).toBeGreaterThan(5)
  expect(seen.flatMap(({ free }) => free).filter((units) => units < 0n)).toEqual([])
  for (const { trial } of seen) expectBalanced(trial)
  // A deadlock would have been tried again; in a transaction of the caller it would have failed that.
  expect(ledgers.map((ledger) => ledger.stats().repeats)).toEqual(ledgers.map(() => 0))
  await watcher.stop()
  const after = await Promise.all(paths.map((path) => ledgers[0]!.balance(msat(path))))
  expect(after.reduce((sum, { balance }) => sum + balance, 0n)).toBe(FUNDS * BigInt(ACCOUNTS))
  expect(after.every(({ balance, held }) => balance >= 0n && held === 0n)).toBe(true)
  await expectSound()
})

test('of one key that many processes post at once, one transfer is made, and all but one are told that it was there', async () => {
  for (let round = 0; round < 5; round++) {
    const same = transfer(`same ${round}`, {
      debit: `assets/same-${round}`,
      credit: 'revenue/same',
      amount: 1n,
    })
    const outcomes = (await Promise.all(ledgers.map((ledger) => ledger.post([same])))).flat()
    const posted = outcomes.map((outcome) => (outcome.ok ? outcome.value : undefined))
    expect(posted.filter((one) => one?.isNew === true)).toHaveLength(1)
    expect(new Set(posted.map((one) => one?.id)).size).toBe(1)
  }
  expect((await ledgers[0]!.balance(msat('revenue/same'))).balance).toBe(5n)
  await expectSound()
})

test('of one key that many processes post with contents of their own, one transfer is made, and the others are refused', async () => {
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.all(
      ledgers.map((ledger, n) =>
        // Accounts of their own too: no lock keeps them apart.
        ledger.post([
          transfer(`differs ${round}`, {
            debit: `assets/d-${round}-${n}`,
            credit: `revenue/d-${round}-${n}`,
            amount: 1n,
          }),
        ]),
      ),
    )
    const codes = outcomes.flat().map((outcome) => (outcome.ok ? 'posted' : outcome.refusal.code))
    expect(codes.toSorted()).toEqual([...Array.from({ length: PROCESSES - 1 }, () => 'KEY_REUSED'), 'posted'])
  }
  await expectSound()
})

test('connections that are broken again and again, and all at once, leave every transfer posted once and new to whoever posted it', async () => {
  const before = ledgers.reduce((sum, ledger) => sum + ledger.stats().repeats, 0)
  let isOver = false
  const breaking = breakConnections(() => isOver)
  const posted = await Promise.all(
    ledgers.slice(0, 4).map(async (ledger, process) => {
      const outcomes = []
      for (let n = 0; n < 40; n++) {
        const [outcome] = await ledger.post([
          transfer(`broken ${process} ${n}`, {
            debit: 'assets/broken',
            credit: 'revenue/broken',
            amount: 1n,
          }),
        ])
        outcomes.push(outcome)
      }
      return outcomes
    }),
  )
  isOver = true
  await breaking
  expect(ledgers.reduce((sum, ledger) => sum + ledger.stats().repeats, 0)).toBeGreaterThan(before)
  expect(new Set(posted.flat().map((outcome) => outcome?.ok && outcome.value.isNew))).toEqual(new Set([true]))
  expect((await ledgers[0]!.balance(msat('revenue/broken'))).balance).toBe(160n)
  await expectSound()
})

/** Ends whatever is under way, every now and then. */
async function breakConnections(isOver: () => boolean): Promise<void> {
  for (; !isOver(); await delay(50 + random(200))) {
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`.execute(database.db)
  }
}

async function spendAtRandom(
  ledger: LedgerService,
  name: string,
  paths: readonly string[],
  refusals: PostRefusal[],
): Promise<void> {
  for (let n = 0; n < CALLS_EACH; n++) {
    const batch = Array.from({ length: 1 + random(4) }, (_, m) =>
      randomTransfer(`p ${name} ${n} ${m}`, paths),
    )
    for (const outcome of await ledger.post(batch)) if (!outcome.ok) refusals.push(outcome.refusal)
  }
}

async function spendInTransactions(
  { db }: Database,
  ledger: LedgerService,
  name: string,
  paths: readonly string[],
  refusals: PostRefusal[],
): Promise<void> {
  for (let n = 0; n < CALLS_EACH; n++) {
    const batch = [randomTransfer(`i ${name} ${n} 0`, paths), randomTransfer(`i ${name} ${n} 1`, paths)]
    const outcomes = await db.transaction().execute((tx) => ledger.postIn(tx, batch))
    for (const outcome of outcomes) if (!outcome.ok) refusals.push(outcome.refusal)
  }
}

async function holdAtRandom(ledger: LedgerService, name: string, paths: readonly string[]): Promise<void> {
  for (let n = 0; n < CALLS_EACH; n++) {
    const key = `h ${name} ${n}`
    const [from, to] = [paths[random(ACCOUNTS)]!, paths[random(ACCOUNTS)]!]
    const amount = BigInt(1 + random(20))
    const request = { key, account: msat(from), amount, expiresAtSeconds: NOW_SECONDS + 60, memo: '' }
    if (!(await ledger.reserve(request)).ok) continue
    const isCommitted = random(2) === 0
    const closed = isCommitted
      ? await ledger.commit(key, transfer(key, { debit: from, credit: to, amount }))
      : await ledger.void(key)
    // What is held is there: who has reserved it is never short.
    expect(closed).toMatchObject({ ok: true })
  }
}

function randomTransfer(key: string, paths: readonly string[]): Transfer {
  const [debit, credit] = [paths[random(ACCOUNTS)]!, paths[random(ACCOUNTS)]!]
  return transfer(key, { debit, credit, amount: BigInt(1 + random(30)) })
}

function random(below: number): number {
  return Math.floor(Math.random() * below)
}

/** Another program on the same database. */
function openOther(): Promise<Database> {
  return openDatabase({
    url: database.url,
    dataDir: '',
    logger: pino({ level: 'silent' }),
    poolSize: CONNECTIONS_EACH,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 20_000,
  })
}

async function expectSound(): Promise<void> {
  expectBalanced(await ledgers[0]!.trialBalance())
}

function expectBalanced(trial: readonly TrialBalanceLine[]): void {
  expect(trial).not.toEqual([])
  for (const { debits, credits, wrongBalances } of trial) {
    expect({ credits, wrongBalances }).toEqual({ credits: debits, wrongBalances: 0 })
  }
}
