import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Database, openDatabase } from '../platform/database/index.ts'
import { startTestServer, type TestServer, testDatabase } from '../platform/database/testing/index.ts'
import type { LedgerService } from './index.ts'
import { msat, testClock, testLedger } from './testing/index.ts'
import { type PlannedStep, planOf, takeStep } from './testing/plan.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const CHILD = fileURLToPath(new URL('./testing/post-forever.ts', import.meta.url))
const STEPS = 600
const KILLS = 4
/** Steps that are taken again at the same time. */
const AT_ONCE = 50
const PATIENCE = { timeout: 20_000, interval: 10 }

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('a process that is killed while it posts loses nothing that it acknowledged, and all of it again is each key once', async () => {
  const clock = testClock()
  const ledger = testLedger(database, { clock })
  const plan = planOf('crash', STEPS)
  for (let kill = 1; kill <= KILLS; kill++) {
    const acknowledged = await killAfter(Math.floor(Math.random() * 100) + kill * 50)
    const known = new Set(await postedKeys(database))
    expect(acknowledged.filter((key) => !known.has(key))).toEqual([])
    await expectBalanced(ledger)
  }
  for (let n = 0; n < STEPS; n += AT_ONCE) {
    await Promise.all(plan.slice(n, n + AT_ONCE).map((step) => takeStep(ledger, step)))
  }
  // Every reservation that was left expires by then.
  clock.advanceSeconds(10 * STEPS)
  ledger.start()
  await expectBooks(database, ledger, plan)
  await ledger.stop()
})

test('a database server that is killed while many post loses nothing that was acknowledged, and they go on when it is back', async () => {
  const server = await startTestServer()
  const onServer = await openDatabase({
    url: server.url(),
    dataDir: '',
    logger: pino({ level: 'silent' }),
    poolSize: 4,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 5_000,
  })
  const clock = testClock()
  const ledger = testLedger(onServer, { clock })
  const plan = planOf('server', STEPS)
  const acknowledged: string[] = []
  let taken = 0
  const lanes = Array.from({ length: AT_ONCE }, async (_, lane) => {
    for (const step of plan.filter((_step, n) => n % AT_ONCE === lane)) {
      if (await takeStep(ledger, step)) acknowledged.push(step.transfer.key)
      taken++
      clock.advanceSeconds(1)
    }
  })
  const killing = (async () => {
    for (const at of [STEPS / 4, STEPS / 2]) {
      await vi.waitFor(() => expect(taken).toBeGreaterThan(at), PATIENCE)
      await killServer(server, onServer)
      const before = [...acknowledged]
      await server.start()
      const known = new Set(await postedKeys(onServer))
      expect(before.filter((key) => !known.has(key))).toEqual([])
    }
  })()
  await Promise.all([...lanes, killing])
  expect(ledger.stats().repeats).toBeGreaterThan(0)
  clock.advanceSeconds(10 * STEPS)
  ledger.start()
  await expectBooks(onServer, ledger, plan)
  await ledger.stop()
  await onServer.close()
  await server.close()
})

/** Balances are those of the transfers that were posted, what was left is not held any more, and the plan was no easy one. */
async function expectBooks(
  from: Database,
  ledger: LedgerService,
  plan: readonly PlannedStep[],
): Promise<void> {
  const keys = await postedKeys(from)
  const posted = plan.filter(({ transfer }) => keys.includes(transfer.key))
  expect(keys.toSorted()).toEqual(posted.map(({ transfer }) => transfer.key).toSorted())
  const refused = plan.filter(
    ({ transfer, way }) => way !== 'reserve and leave' && !keys.includes(transfer.key),
  )
  // Whoever has no floor is never refused.
  expect(refused.filter(({ transfer }) => !transfer.entries[0]!.path.startsWith('liabilities/'))).toEqual([])
  expect(refused.length).toBeGreaterThan(0)
  const wanted = new Map<string, bigint>()
  for (const { transfer } of posted) {
    for (const { path, side, amount } of transfer.entries) {
      const change = (side === 'debit') === path.startsWith('assets/') ? amount : -amount
      wanted.set(path, (wanted.get(path) ?? 0n) + change)
    }
  }
  for (const [path, balance] of wanted) {
    await vi.waitFor(
      async () => expect(await ledger.balance(msat(path))).toEqual({ ...msat(path), balance, held: 0n }),
      PATIENCE,
    )
    expect(balance).toBeGreaterThanOrEqual(0n)
  }
  const { rows } = await sql<{
    state: string
  }>`SELECT DISTINCT state FROM ledger_reservations ORDER BY state`.execute(from.db)
  expect(rows.map(({ state }) => state)).toEqual(['committed', 'expired'])
  await expectBalanced(ledger)
}

async function expectBalanced(ledger: LedgerService): Promise<void> {
  for (const { debits, credits, wrongBalances } of await ledger.trialBalance()) {
    expect({ credits, wrongBalances }).toEqual({ credits: debits, wrongBalances: 0 })
  }
}

/** Starts the child, and kills it after so many answers; what it said was posted. */
async function killAfter(answers: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, database.url, 'crash', String(STEPS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'done') said.push(line)
    if (said.length === answers) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  // The last line may have been cut.
  return said.slice(0, answers).filter((line) => line !== '-')
}

/** As `kill -9`; and waits until its processes have seen that it is gone, without which no other one starts. */
async function killServer(server: TestServer, { db }: Database): Promise<void> {
  const { rows } = await sql<{ pid: number }>`SELECT pid FROM pg_stat_activity`.execute(db)
  await server.kill()
  for (const { pid } of rows) while (isAlive(pid)) await delay(10)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function postedKeys({ db }: Database): Promise<string[]> {
  const rows = await db.selectFrom('ledger_transfers').select('key').execute()
  return rows.map(({ key }) => key)
}
