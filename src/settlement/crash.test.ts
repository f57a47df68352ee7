import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../kernel/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { createStubRail, openStubChain } from './stub/index.ts'
import { testFolder, testLedger } from './testing/test-node.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const CHILD = fileURLToPath(new URL('./testing/paying-child.ts', import.meta.url))
const PAYMENTS = 12
/** Behind how many lines a child is killed: each step of a payment once, and some that come later, by chance. */
const KILLS = [1, 2, 3, 4, 5, 6, 7, 8, ...Array.from({ length: 3 }, () => 1 + Math.floor(Math.random() * 15))]

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

/** Runs the child, and kills it as `kill -9` does behind so many lines; true when it had paid all before. */
async function run(args: readonly string[], killAfterLines: number): Promise<boolean> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let lines = 0
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) {
    last = line
    if (++lines === killAfterLines) child.kill('SIGKILL')
  }
  await ended
  return last === 'all paid'
}

test('whoever is killed at whatever step, and again, pays everything once, and the books say the same as the chain', async () => {
  const folder = testFolder()
  try {
    const file = join(folder.path, 'chain')
    const chain = openStubChain(file, { asset: 'usdc' })
    const wallet = (seed: number) => createStubRail({ asset: 'usdc', chain, secret: Buffer.alloc(32, seed) })
    const [alice, bob] = [wallet(1).info.address, wallet(2).info.address]
    chain.mint(alice, 1_000_000n)
    const args = [database.url, file, `${bob}+peer.alice`, `${PAYMENTS}`]
    let isDone = false
    for (const lines of KILLS) {
      isDone ||= await run(args, lines)
      // What had left is taken by the network: whoever signs again gives it another number, and it would be paid twice.
      chain.mine(systemClock.nowMs())
    }
    expect(isDone || (await run(args, Number.POSITIVE_INFINITY)), `killed after ${KILLS}`).toBe(true)

    const paid = chain
      .read()
      .state.history.flatMap(({ transaction: { action }, failure }) =>
        action.kind === 'pay' && failure === undefined ? [action.amount] : [],
      )
    const each = Array.from({ length: PAYMENTS }, (_, n) => BigInt(n + 1))
    expect(paid, `killed after ${KILLS}`).toEqual(each)
    const sum = each.reduce((a, b) => a + b)
    const ledger = testLedger(database, systemClock)
    expect((await ledger.balance({ path: 'assets/peer/bob', asset: 'usdc' })).balance).toBe(sum)
    expect((await ledger.balance({ path: 'assets/settlement/stub', asset: 'usdc' })).balance).toBe(-sum)
    await ledger.stop()
  } finally {
    folder.remove()
  }
})
