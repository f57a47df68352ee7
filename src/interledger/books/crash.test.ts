import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { fulfillmentOf, idOf, testBooks } from './testing/test-books.ts'

vi.setConfig({ testTimeout: 60_000 })

const CHILD = fileURLToPath(new URL('testing/packets-child.ts', import.meta.url))
const KILLS = 5
/** Packets that a child cannot have come to. */
const APART = 1_000_000

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

/** What the child has said, by the numbers of its packets and their expiries, when it was killed. */
async function killAfter(lines: number, first: number) {
  const child = spawn(process.execPath, [CHILD, database.url, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const intended = new Map<number, number>()
  const fulfilled = new Map<number, number>()
  let said = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, number, expiresAtMs] = line.split(' ')
    const which = what === 'intended' ? intended : fulfilled
    which.set(Number(number), Number(expiresAtMs))
    if (++said === lines) child.kill('SIGKILL')
  }
  await ended
  return { intended, fulfilled }
}

test('after each kill the balances are those of the packets that the journal says were fulfilled, and all that was acknowledged is among them', async () => {
  let count = 0n
  for (let kill = 0; kill < KILLS; kill++) {
    const { intended, fulfilled } = await killAfter(1 + Math.floor(Math.random() * 2_000), kill * APART)
    const run = await testBooks(database)
    const questions = [...intended].map(([number, expiresAtMs]) => ({ id: idOf('in', number), expiresAtMs }))
    const answers = []
    for (let at = 0; at < questions.length; at += 1_000)
      answers.push(...(await run.books.answersFor('alice', questions.slice(at, at + 1_000))))
    const unresolved = new Set(run.books.unresolved.map(({ id }) => id))
    for (const [index, number] of [...intended.keys()].entries()) {
      const answer = answers[index]
      if (fulfilled.has(number))
        expect(answer).toEqual({ state: 'fulfilled', fulfillment: fulfillmentOf(number) })
      // Nothing that was written down is forgotten.
      else expect(unresolved.has(idOf('out', number)) || answer?.state === 'fulfilled').toBe(true)
      if (answer?.state === 'fulfilled') count++
    }
    // The fate of an intent whose acknowledgement was not read is known all the same.
    expect(await run.peerBalance('alice')).toBe(count * 100n)
    expect(await run.peerBalance('bob')).toBe(count * -99n)
    for (const { id, to } of run.books.unresolved) run.books.forget(id, to)
    await run.stop()
  }
  const last = await testBooks(database)
  expect(last.books.unresolved).toEqual([])
  const trial = await last.ledger.trialBalance()
  expect(trial.every(({ debits, credits, wrongBalances }) => debits === credits && wrongBalances === 0)).toBe(
    true,
  )
  await last.stop()
})
