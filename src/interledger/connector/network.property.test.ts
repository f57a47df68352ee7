/** Three nodes in a row, money both ways, and everything that can happen to a packet between them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Asset, createManualClock } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import type { LinkAnswer } from '../link.ts'
import type { LocalReceiver } from '../local-receiver.ts'
import type { IlpFulfill, IlpPrepare, IlpReply } from '../packet/index.ts'
import { TestLink } from './testing/test-link.ts'
import { peerTerms, ratesOf, type TestNode, testNode, testPacket, testReject } from './testing/test-node.ts'

const START_MS = 1_800_000_000_000
const EXPIRES_IN_MS = 20_000

/** `answer lost`: it is found by asking. `answer too late`: it is refused by then. */
const FATES = ['passes', 'Prepare lost', 'answer lost', 'answer too late', 'unsent'] as const
type Fate = (typeof FATES)[number]

interface Journey {
  readonly from: 'a' | 'c'
  readonly amount: bigint
  /** On the link between a and b, and on the one between b and c. */
  readonly fates: { readonly ab: Fate; readonly bc: Fate }
  readonly isAccepted: boolean
}

const fate = fc.oneof({ weight: 4, arbitrary: fc.constant<Fate>('passes') }, fc.constantFrom(...FATES))
const journey: fc.Arbitrary<Journey> = fc.record({
  from: fc.constantFrom('a', 'c'),
  amount: fc.bigInt(0n, 100_000n),
  fates: fc.record({ ab: fate, bc: fate }),
  isAccepted: fc.boolean(),
})

const price = fc.integer({ min: 1, max: 10_000 }).map((thousandths) => `${thousandths / 1_000}`)
const rates = fc
  .record({
    BTC: price.map((text) => `${Number(text) * 100_000}`),
    XRP: price,
    ppm: fc.integer({ min: 0, max: 50_000 }),
  })
  .map(({ BTC, XRP, ppm }) => ratesOf({ BTC, XRP }, ppm))

/** a counts with b in msat, b with c in drops. */
function network(table: ReturnType<typeof ratesOf>) {
  const clock = createManualClock(START_MS)
  const fulfills = new Map<string, IlpFulfill>()
  const journeys = new Map<string, Journey>()
  const received = { a: 0n, c: 0n }

  const receiver = (who: 'a' | 'c', asset: Asset): LocalReceiver => ({
    segment: 'till',
    asset,
    decide: ({ data, amount }) => {
      const name = data.toString()
      if (!journeys.get(name)!.isAccepted) return { isAccepted: false, reply: testReject('F99') }
      const fulfill = fulfills.get(name)!
      const booked = () => {
        received[who] += amount
        return fulfill
      }
      const { fulfillment } = fulfill
      return {
        isAccepted: true,
        creditTo: { path: 'liabilities/till', asset },
        fulfillment,
        booked,
        notBooked: () => {},
      }
    },
  })
  const wide = { maxReceivable: 10n ** 12n, maxPayable: 10n ** 12n, maxPacketAmount: 10n ** 12n }
  const terms = (id: string, asset: Asset) => peerTerms(id, asset, { ...wide, maxInFlight: 1_000 })
  const a = testNode({
    clock,
    address: 'test.a',
    peers: [terms('b', 'msat')],
    rates: table,
    receivers: [receiver('a', 'msat')],
  })
  const b = testNode({
    clock,
    address: 'test.b',
    peers: [terms('a', 'msat'), terms('c', 'drop')],
    rates: table,
  })
  const c = testNode({
    clock,
    address: 'test.c',
    peers: [terms('b', 'drop')],
    rates: table,
    receivers: [receiver('c', 'drop')],
  })
  for (const [node, prefix, peerId] of [
    [a, 'test.c', 'b'],
    [b, 'test.a', 'a'],
    [b, 'test.c', 'c'],
    [c, 'test.a', 'b'],
  ] as const)
    node.routes.set(prefix, { peerId })

  const fateOf = (prepare: IlpPrepare, link: keyof Journey['fates']) =>
    journeys.get(prepare.data.toString())!.fates[link]
  const join = (
    payer: TestNode,
    payee: TestNode,
    names: { payer: string; payee: string; link: 'ab' | 'bc' },
  ) => {
    const carry = async (prepare: IlpPrepare): Promise<LinkAnswer> => {
      const what = fateOf(prepare, names.link)
      if (what === 'unsent') return { type: 'unsent' }
      if (what === 'Prepare lost') return { type: 'lost' }
      const reply = await payee.connector.handle(names.payer, prepare)
      return what === 'passes' ? reply : { type: 'lost' }
    }
    payer.peers.attach(names.payee, new TestLink(carry))
  }
  join(a, b, { payer: 'a', payee: 'b', link: 'ab' })
  join(b, a, { payer: 'b', payee: 'a', link: 'ab' })
  join(b, c, { payer: 'b', payee: 'c', link: 'bc' })
  join(c, b, { payer: 'c', payee: 'b', link: 'bc' })

  /** What the reconciler comes to: asks the payee, and refuses what is too late. */
  const reconcile = (payer: TestNode, payees: Record<string, readonly [TestNode, string, 'ab' | 'bc']>) => {
    payer.reconcile = async (intent) => {
      const peerId = intent.to.kind === 'peer' ? intent.to.peerId : ''
      const [payee, ownId, link] = payees[peerId]!
      const fulfillment = payee.books.fulfillmentFor(ownId, intent.id)
      const sent = payer.peers.find(peerId)!.link as TestLink
      const prepare = sent.sent.find(({ executionCondition }) =>
        executionCondition.equals(intent.executionCondition),
      )!
      if (fulfillment !== undefined && fateOf(prepare, link) === 'answer lost') return fulfillment
      if (fulfillment !== undefined) payee.peers.adjustBalance(ownId, -payee.books.writeOff(ownId, intent.id))
      payer.books.reject(intent.id)
      return undefined
    }
  }
  reconcile(a, { b: [b, 'a', 'ab'] })
  reconcile(b, { a: [a, 'b', 'ab'], c: [c, 'b', 'bc'] })
  reconcile(c, { b: [b, 'c', 'bc'] })

  const wallets: Record<'a' | 'c', AccountId> = {
    a: { path: 'liabilities/wallet', asset: 'msat' },
    c: { path: 'liabilities/wallet', asset: 'drop' },
  }
  const send = (plan: Journey): Promise<IlpReply> => {
    const destination = plan.from === 'a' ? 'test.c.till' : 'test.a.till'
    const { prepare, fulfill } = testPacket({
      amount: plan.amount,
      destination,
      expiresAtMs: START_MS + EXPIRES_IN_MS,
    })
    fulfills.set(prepare.data.toString(), fulfill)
    journeys.set(prepare.data.toString(), plan)
    const node = plan.from === 'a' ? a : c
    return node.connector.send(wallets[plan.from], prepare)
  }
  return { a, b, c, send, wallets, received }
}

test('whatever happens to the packets, neighbours agree on what they owe each other', async () => {
  await fc.assert(
    fc.asyncProperty(rates, fc.array(journey, { maxLength: 40 }), async (table, plans) => {
      const { a, b, c, send, wallets } = network(table)
      const replies = await Promise.all(plans.map(send))

      expect(a.books.peerBalance('b')).toBe(-b.books.peerBalance('a'))
      expect(b.books.peerBalance('c')).toBe(-c.books.peerBalance('b'))
      for (const node of [a, b, c]) {
        for (const { terms, balance, incoming, outgoing } of node.peers.all()) {
          // What the connector keeps in mind is what is in the books.
          expect(balance).toBe(node.books.peerBalance(terms.id))
          expect([incoming.packets, outgoing.packets]).toEqual([0, 0])
        }
        expect(Object.values(node.books.sums()).filter((sum) => sum !== 0n)).toEqual([])
        expect(node.books.open.size).toBe(0)
        expect(node.connector.stats.inFlight).toBe(0)
        expect(node.notices).toEqual([])
      }
      // A sender pays for what was fulfilled, and for nothing else.
      for (const [who, node] of [
        ['a', a],
        ['c', c],
      ] as const) {
        const paid = plans.reduce(
          (sum, { from, amount }, index) =>
            from === who && replies[index]!.type === 'fulfill' ? sum + amount : sum,
          0n,
        )
        expect(node.books.balance(wallets[who])).toBe(paid)
      }
    }),
    { numRuns: 150 },
  )
})

test('without mishaps what arrives is what was sent, converted once and rounded down for each packet', async () => {
  await fc.assert(
    fc.asyncProperty(rates, fc.array(fc.bigInt(0n, 100_000n), { maxLength: 40 }), async (table, amounts) => {
      const { a, b, c, send, received } = network(table)
      const fates = { ab: 'passes', bc: 'passes' } as const
      await Promise.all(amounts.map((amount) => send({ from: 'a', amount, fates, isAccepted: true })))
      const expected = amounts.reduce((sum, amount) => sum + table.convert(amount, 'msat', 'drop')!, 0n)
      expect(received.c).toBe(expected)
      expect(-c.books.balance({ path: 'liabilities/till', asset: 'drop' })).toBe(expected)
      // What is nothing behind the conversion is not taken from the sender.
      const paid = amounts.filter((amount) => table.convert(amount, 'msat', 'drop')! > 0n)
      expect(b.books.peerBalance('a')).toBe(paid.reduce((sum, amount) => sum + amount, 0n))
      const earned = paid.reduce(
        (sum, amount) => sum + table.exchange(amount, 'msat', 'drop')!.marginAmount,
        0n,
      )
      expect(-b.books.balance({ path: 'revenue/routing', asset: 'msat' })).toBe(earned)
      // a keeps no time for itself, since the packets begin there; b keeps a second.
      const sentBy = (node: TestNode, id: string) => (node.peers.find(id)!.link as TestLink).sent
      expect(
        new Set(sentBy(a, 'b').map(({ expiresAtMs }) => expiresAtMs - START_MS - EXPIRES_IN_MS)).size,
      ).toBeLessThanOrEqual(1)
      for (const { expiresAtMs } of sentBy(b, 'c')) expect(expiresAtMs).toBe(START_MS + EXPIRES_IN_MS - 1_000)
    }),
    { numRuns: 50 },
  )
})
