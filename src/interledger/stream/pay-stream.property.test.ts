import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../kernel/index.ts'
import { minimumFor } from './delivery-floor.ts'
import { leastDelivered, mostDelivered, type PathRate, sourceBelow, sourceFor } from './path-rate.ts'
import { payStream, quoteStream, type StreamPaymentRequest } from './pay-stream.ts'
import { planPacket } from './plan-packet.ts'
import { verifyReceipt } from './receipt.ts'
import { createStreamServer, type StreamServerDeps } from './stream-server.ts'
import {
  pathTo,
  rejectWith,
  type SendPrepare,
  withGreed,
  withLiquidity,
  withLoss,
  withLostAnswers,
  withMaxPacket,
  withRate,
} from './testing/index.ts'

const RECEIPT = { nonce: Buffer.alloc(16, 1), secret: Buffer.alloc(32, 2) }

/** A receiver, and what it has counted. `wrap` puts a path before it; its Prepares are noted as the payer made them. */
function testPath(
  wrap: (send: SendPrepare) => SendPrepare,
  terms: { receiveMax?: bigint } = {},
  deps: Partial<StreamServerDeps> = {},
) {
  const counted = { received: 0n, fulfilled: 0n }
  const server = createStreamServer({
    serverAddress: () => 'test.receiver',
    secret: Buffer.alloc(32, 3),
    asset: 'drop',
    clock: systemClock,
    accountOf: () => ({ path: 'liabilities/credit/x', asset: 'drop' }),
    onMoney: ({ amount }) => {
      counted.received += amount
    },
    ...deps,
  })
  const path = wrap(pathTo(server))
  const send: SendPrepare = async (prepare) => {
    const reply = await path(prepare)
    if (reply.type === 'fulfill') counted.fulfilled += prepare.amount
    return reply
  }
  const credentials = server.credentials({ tag: Buffer.from('x'), receipt: RECEIPT, ...terms })
  const pay = (request: Pick<StreamPaymentRequest, 'amount'> & Partial<StreamPaymentRequest>) =>
    payStream({ send, ...credentials, clock: systemClock, slippagePpm: 10_000, ...request })
  return { counted, pay, quote: () => quoteStream({ send, ...credentials, clock: systemClock }) }
}

/** Numbers between 0 and 1 that are the same for the same seed. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const rate: fc.Arbitrary<PathRate> = fc.record({
  source: fc.bigInt({ min: 1n, max: 100_000n }),
  delivered: fc.bigInt({ min: 1n, max: 100_000n }),
})

describe('whatever the path does,', () => {
  const troubles = fc.record({
    rate,
    maxPacket: fc.bigInt({ min: 200_000n, max: 10n ** 9n }),
    liquidity: fc.bigInt({ min: 200_000n, max: 10n ** 9n }),
    lossPercent: fc.constantFrom(0, 5, 20),
    code: fc.constantFrom('T00', 'T03', 'T05', 'R00'),
    seed: fc.nat(),
  })

  function pathWith({ rate, maxPacket, liquidity, lossPercent, code, seed }: Trouble) {
    const random = numbersFrom(seed)
    return testPath((end) => {
      const behind = withLiquidity(liquidity, withMaxPacket(maxPacket, withRate(rate, end)))
      return withLoss(() => random() * 100 < lossPercent, code, behind)
    })
  }
  type Trouble = typeof troubles extends fc.Arbitrary<infer Value> ? Value : never

  test('what is sent is what was fulfilled, what is delivered is what the receiver counts, and its receipt says so', async () => {
    await fc.assert(
      fc.asyncProperty(troubles, fc.bigInt({ min: 100_000n, max: 5_000_000n }), async (trouble, send) => {
        const { counted, pay } = pathWith(trouble)
        const outcome = await pay({ amount: { send } })
        const paid = outcome.ok ? outcome.value : outcome.refusal.paid
        expect(paid.sent).toBe(counted.fulfilled)
        expect(paid.delivered).toBe(counted.received)
        expect(paid.sent).toBeLessThanOrEqual(send)
        // Little enough of some rates is nothing; what is lost is sent again.
        if (!outcome.ok) {
          expect(outcome.refusal.code).toBe('RATE_TOO_LOW')
          return
        }
        // A rest that would arrive as nothing stays with the payer.
        expect(leastDelivered(trouble.rate, send - paid.sent)).toBeLessThanOrEqual(1n)
        const receipt = verifyReceipt(paid.receipt ?? Buffer.alloc(0), () => RECEIPT.secret)
        expect(receipt).toMatchObject({ value: { totalReceived: paid.delivered } })
      }),
      { numRuns: 25 },
    )
  }, 60_000)

  test('an amount is delivered to within one unit of the payer, for not more than the maximum', async () => {
    await fc.assert(
      fc.asyncProperty(
        troubles,
        fc.bigInt({ min: 1n, max: 5_000_000n }),
        fc.bigInt({ min: 1n, max: 10_000_000n }),
        async (trouble, deliver, maxSend) => {
          const { counted, pay } = pathWith(trouble)
          const outcome = await pay({ amount: { deliver, maxSend } })
          const paid = outcome.ok ? outcome.value : outcome.refusal.paid
          expect(counted.fulfilled).toBeLessThanOrEqual(maxSend)
          expect(paid).toMatchObject({ sent: counted.fulfilled, delivered: counted.received })
          const unit = mostDelivered({ ...trouble.rate, delivered: trouble.rate.delivered - 1n }, 1n)
          expect(paid.delivered).toBeLessThanOrEqual(deliver + unit)
          if (outcome.ok) expect(paid.delivered).toBeGreaterThanOrEqual(deliver)
          else expect(['TOO_EXPENSIVE', 'RATE_TOO_LOW']).toContain(outcome.refusal.code)
        },
      ),
      { numRuns: 25 },
    )
  }, 60_000)
})

test('what was fulfilled and not answered is not counted, and the payer never sends more than it may', async () => {
  const random = numbersFrom(11)
  const { counted, pay } = testPath((end) =>
    withLostAnswers(() => random() < 0.2, withMaxPacket(20_000n, end)),
  )
  const outcome = await pay({ amount: { send: 400_000n } })
  expect(outcome).toMatchObject({ ok: true, value: { sent: 400_000n, delivered: 400_000n } })
  expect(counted.fulfilled).toBe(400_000n)
  expect(counted.received).toBeGreaterThan(400_000n)
})

describe('a path that lets packets be small alone', () => {
  /** Packets that ask for the rate. */
  const PROBES = 5

  test.each([
    ['all of each packet', 1n, { source: 1n, delivered: 1n }],
    ['half of each packet', 2n, { source: 1n, delivered: 1n }],
    ['all of each packet, of which nothing whole would arrive', 1n, { source: 1000n, delivered: 999n }],
    ['half of each packet, by a rate just below one', 2n, { source: 1000n, delivered: 999n }],
    ['a third of each packet', 3n, { source: 1000n, delivered: 999n }],
  ])('cannot keep %s: no more is lost than slippage and a unit', async (_, maximum, rate) => {
    const { pay, counted } = testPath((end) => withGreed({ maximum, honestFor: PROBES }, withRate(rate, end)))
    const outcome = await pay({ amount: { send: 1000n }, minRate: rate })
    expect(outcome).toMatchObject({ refusal: { code: 'RATE_TOO_LOW', paid: { sent: counted.fulfilled } } })
    expect(counted.fulfilled * 98n).toBeLessThanOrEqual((counted.received + 1n) * 100n)
  })

  test('takes as much by many roundings as by one, and a hundredth', async () => {
    const rate = { source: 1000n, delivered: 999n }
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 1n, max: 500n }), { minLength: 1, maxLength: 500 }),
        (amounts) => {
          let [sent, minimum] = [0n, 0n]
          for (const amount of amounts) {
            minimum += minimumFor({ rate, slippagePpm: 10_000 }, amount, { sent, minimum })
            sent += amount
          }
          expect(minimum * 1_000_000n).toBeGreaterThan(((sent * 999n) / 1000n) * 980_000n - 1_000_000n)
        },
      ),
    )
  })

  test('is no reason to refuse an honest one: whole units of a coarse receiver arrive, however they are packed', async () => {
    const coarse = fc.record({
      perUnit: fc.bigInt({ min: 5_000n, max: 20_000n }),
      maxPacket: fc.bigInt({ min: 21_000n, max: 90_000n }),
    })
    await fc.assert(
      fc.asyncProperty(coarse, fc.bigInt({ min: 40_000n, max: 900_000n }), async (path, send) => {
        const rate = { source: path.perUnit, delivered: 1n }
        const { pay, counted } = testPath((end) => withMaxPacket(path.maxPacket, withRate(rate, end)))
        const outcome = await pay({ amount: { send } })
        expect(outcome.ok).toBe(true)
        const ofLargest = path.maxPacket / path.perUnit
        // As much as the largest packets bring, in whole units.
        expect(counted.received).toBeGreaterThanOrEqual((counted.fulfilled * ofLargest) / path.maxPacket)
        expect(send - counted.fulfilled).toBeLessThan(path.maxPacket)
      }),
      { numRuns: 50 },
    )
  })
})

describe('a payment is refused', () => {
  test('before anything is sent when the path is worse than prices known elsewhere', async () => {
    const { pay, counted } = testPath((end) => withRate({ source: 100n, delivered: 95n }, end))
    const minRate = { source: 1n, delivered: 1n }
    expect(await pay({ amount: { send: 1000n }, minRate })).toMatchObject({
      refusal: { code: 'RATE_TOO_LOW', paid: { sent: 0n } },
    })
    expect((await pay({ amount: { send: 1000n }, minRate, slippagePpm: 50_000 })).ok).toBe(true)
    expect(counted.fulfilled).toBe(1000n)
  })

  test('before anything is sent when the maximum is not enough', async () => {
    const { pay, counted } = testPath((end) => withRate({ source: 3n, delivered: 1n }, end))
    const outcome = await pay({ amount: { deliver: 1000n, maxSend: 2999n } })
    expect(outcome).toMatchObject({ refusal: { code: 'TOO_EXPENSIVE' } })
    expect(counted.fulfilled).toBe(0n)
  })

  test('when the rate falls below the quote by more than the slippage, keeping what has arrived', async () => {
    let packets = 0
    const { pay, counted } = testPath((end) => (prepare) => {
      // Five packets ask for the rate, four pay.
      packets += 1
      const rate = packets > 9 ? { source: 100n, delivered: 98n } : { source: 1n, delivered: 1n }
      return withMaxPacket(1000n, withRate(rate, end))(prepare)
    })
    const outcome = await pay({ amount: { send: 100_000n } })
    expect(outcome).toMatchObject({ refusal: { code: 'RATE_TOO_LOW', paid: { sent: counted.fulfilled } } })
    expect(counted.fulfilled).toBe(4000n)
  })

  test('when nobody can be reached, or the secret is another', async () => {
    const unreachable = testPath(() => () => Promise.resolve(rejectWith('F02')))
    expect(await unreachable.quote()).toMatchObject({ refusal: { code: 'UNREACHABLE' } })
    const { pay } = testPath((end) => end)
    const outcome = await pay({ amount: { send: 1n }, sharedSecret: Buffer.alloc(32) })
    expect(outcome).toMatchObject({ refusal: { code: 'UNREACHABLE' } })
  })

  test('when the receiver takes no more', async () => {
    const { pay } = testPath((end) => withMaxPacket(100n, end), { receiveMax: 1000n })
    const outcome = await pay({ amount: { send: 5000n } })
    expect(outcome).toMatchObject({ refusal: { code: 'RECEIVER_FULL' } })
    // The packet that fills it may be above by a hundredth of what was still to come.
    expect(outcome).toMatchObject({ refusal: { paid: { delivered: 1000n } } })
  })

  test('when a connector that answered with the money says no for good', async () => {
    let packets = 0
    const isLate = () => {
      packets += 1
      return packets > 8
    }
    const { pay } = testPath((end) => withLoss(isLate, 'F00', withMaxPacket(10n, end)))
    const outcome = await pay({ amount: { send: 5000n } })
    expect(outcome).toMatchObject({ refusal: { code: 'REJECTED', paid: { sent: 20n } } })
  })

  test('when it is called off, after what was under way has ended', async () => {
    const abort = new AbortController()
    const { pay, counted } = testPath((end) => withMaxPacket(10n, end))
    const onProgress = ({ packets }: { packets: number }) => packets === 5 && abort.abort()
    const outcome = await pay({ amount: { send: 5000n }, signal: abort.signal, onProgress })
    const sent = counted.fulfilled
    expect(sent).toBeLessThan(500n)
    expect(outcome).toMatchObject({ refusal: { code: 'ABORTED', paid: { sent, delivered: sent } } })
  })

  test('when nothing is fulfilled for too long', async () => {
    let isOpen = true
    const { pay } = testPath((end) => withLoss(() => !isOpen, 'T01', withMaxPacket(10n, end)))
    const onProgress = () => {
      isOpen = false
    }
    const outcome = await pay({ amount: { send: 5000n }, onProgress, stallMs: 300 })
    expect(outcome).toMatchObject({ refusal: { code: 'STALLED' } })
  })
})

test('a packet is never more than what is left of the budget, nor than the largest', () => {
  const amounts = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  fc.assert(
    fc.property(rate, amounts, amounts, amounts, amounts, amounts, (each, a, b, sent, flying, maxPacket) => {
      const state = { sent, delivered: 0n, sentInFlight: flying, deliveredInFlight: 0n }
      const limits = { maxPacket, room: maxPacket }
      const sendSize = planPacket({ send: a }, state, each, limits)
      const deliverSize = planPacket({ deliver: a, maxSend: b }, state, each, limits)
      for (const [size, budget] of [
        [sendSize, a],
        [deliverSize, b],
      ] as const) {
        expect(size).toBeGreaterThanOrEqual(0n)
        expect(size).toBeLessThanOrEqual(maxPacket)
        if (size > 0n) expect(sent + flying + size).toBeLessThanOrEqual(budget)
      }
    }),
  )
})

test('what is sent for an amount delivers it, and not more than it when it is below', () => {
  fc.assert(
    fc.property(rate, fc.bigInt({ min: 1n, max: 10n ** 12n }), (each, amount) => {
      expect(leastDelivered(each, sourceFor(each, amount))).toBeGreaterThanOrEqual(amount)
      expect(leastDelivered(each, sourceFor(each, amount) - 1n)).toBeLessThan(amount)
      expect(mostDelivered(each, sourceBelow(each, amount))).toBeLessThanOrEqual(amount)
    }),
  )
})
