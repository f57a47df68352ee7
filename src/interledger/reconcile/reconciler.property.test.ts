import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { type Fortune, RECEIVER, SENDER, TestChain } from './testing/test-nodes.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let databases: readonly Database[] = []
beforeAll(async () => {
  databases = [await testDatabase(), await testDatabase(), await testDatabase()]
})
afterAll(() => Promise.all(databases.map((database) => database.close())))

const fortune: fc.Arbitrary<Fortune> = fc
  .record({
    lost: fc.constantFrom('nothing', 'nothing', 'nothing', 'prepare', 'answer'),
    at: fc.constantFrom<1 | 2>(1, 2),
    isRefused: fc.constantFrom(false, false, false, true),
    // Some fulfil just before the packet expires on its way, some behind that.
    slowMs: fc.constantFrom(0, 5, 20, 450, 700),
  })
  .map(({ lost, at, isRefused, slowMs }) => ({
    isRefused,
    slowMs,
    ...(lost === 'prepare' && { prepareLostAt: at }),
    ...(lost === 'answer' && { answerLostAt: at }),
  }))
const step = fc.record({
  packets: fc.array(fortune, { maxLength: 40 }),
  waitMs: fc.nat({ max: 150 }),
  crash: fc.option(fc.record({ node: fc.constantFrom(0, 1, 2), downMs: fc.constantFrom(0, 0, 900) }), {
    freq: 2,
  }),
})

let numbers = 0

test('after any losses and crashes both sides of every link agree on what is owed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const chain = await TestChain.open(databases)
      const sent: Promise<unknown>[] = []
      for (const { packets, waitMs, crash } of steps) {
        sent.push(...packets.map((one) => chain.send(numbers++, one)))
        await delay(waitMs)
        if (crash !== null) await chain.crash(chain.nodes[crash.node]!, crash.downMs)
      }
      await Promise.all(sent)
      await vi.waitFor(() => expect(chain.unresolved).toBe(0), { timeout: 30_000, interval: 20 })
      const [a, b, c] = chain.nodes.map(({ run }) => run.books)
      const owed = { ab: await a?.peerBalance('b'), bc: await b?.peerBalance('c') }
      expect(await b?.peerBalance('a')).toBe(-owed.ab!)
      expect(await c?.peerBalance('b')).toBe(-owed.bc!)
      // Whoever bears a loss, what the receiver got is what the sender paid and what was lost on the way.
      const lost =
        (await b?.balanceOf('expenses/routing-loss/a'))! + (await c?.balanceOf('expenses/routing-loss/b'))!
      const paid = -(await a?.balanceOf(SENDER.path))!
      expect(await c?.balanceOf(RECEIVER.path)).toBe(paid + lost)
      await chain.close()
    }),
    { numRuns: 6, endOnFailure: true },
  )
})
