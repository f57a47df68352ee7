import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { msat, testLedger } from './testing/index.ts'
import { planOf, takeStep } from './testing/plan.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const CHILD = fileURLToPath(new URL('./testing/post-forever.ts', import.meta.url))
const STEPS = 600
const KILLS = 4
/** Steps that are taken again at the same time. */
const AT_ONCE = 50

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('a process that is killed while it posts loses nothing that it acknowledged, and all of it again is each key once', async () => {
  const ledger = testLedger(database)
  const plan = planOf('crash', STEPS)
  for (let kill = 1; kill <= KILLS; kill++) {
    const acknowledged = await killAfter(Math.floor(Math.random() * 100) + kill * 50)
    const known = new Set(await postedKeys())
    expect(acknowledged.filter((key) => !known.has(key))).toEqual([])
    await expectSound()
  }
  for (let n = 0; n < STEPS; n += AT_ONCE) {
    await Promise.all(plan.slice(n, n + AT_ONCE).map((step) => takeStep(ledger, step)))
  }
  const keys = plan.map(({ transfer }) => transfer.key)
  expect((await postedKeys()).toSorted()).toEqual(keys.toSorted())
  const wanted = new Map<string, bigint>()
  for (const { transfer } of plan) {
    for (const { path, amount } of transfer.entries) wanted.set(path, (wanted.get(path) ?? 0n) + amount)
  }
  for (const [path, balance] of wanted) {
    expect(await ledger.balance(msat(path))).toEqual({ ...msat(path), balance, held: 0n })
  }
  await expectSound()
  await ledger.stop()

  async function expectSound(): Promise<void> {
    for (const { debits, credits, wrongBalances } of await ledger.trialBalance()) {
      expect({ credits, wrongBalances }).toEqual({ credits: debits, wrongBalances: 0 })
    }
  }
})

/** Starts the child, and kills it after so many answers; what it said was posted. */
async function killAfter(answers: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, database.url, 'crash', String(STEPS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'done') acknowledged.push(line)
    if (acknowledged.length === answers) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  // The last line may have been cut.
  return acknowledged.slice(0, answers)
}

async function postedKeys(): Promise<string[]> {
  const rows = await database.db.selectFrom('ledger_transfers').select('key').execute()
  return rows.map(({ key }) => key)
}
