import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { createManualClock, systemClock } from '../../kernel/index.ts'
import type { PacketIntent } from '../books.ts'
import type { LocalDecision, LocalReceiver } from '../local-receiver.ts'
import { encodeIlpPacket, type IlpPrepare, type IlpReply } from '../packet/index.ts'
import { MAX_EXPIRY_AHEAD_MS, MUTE_MS } from '../packet-times.ts'
import type { PeerLimits } from '../peer.ts'
import { packetIdOf } from './packet-id.ts'
import { deferred, TestLink } from './testing/test-link.ts'
import {
  MAX_HOLD_MS,
  peerTerms,
  ratesOf,
  type TestNode,
  type TestNodeOptions,
  testNode,
  testPacket,
  testReject,
} from './testing/test-node.ts'

const START_MS = 1_800_000_000_000
const EXPIRES_IN_MS = 10_000
/** One msat (10^-11 BTC) is worth five drops (10^-6 XRP). */
const RATES = ratesOf({ BTC: '500000', XRP: '1' })

let clock = createManualClock(START_MS)
/** Alice sends in msat, to Bob, who counts in drops. */
let node: TestNode
let alice: TestLink
let bob: TestLink

function setUp({
  aliceLimits,
  bobLimits,
  ...options
}: Partial<TestNodeOptions> & { aliceLimits?: Partial<PeerLimits>; bobLimits?: Partial<PeerLimits> } = {}) {
  clock = createManualClock(START_MS)
  const peers = [peerTerms('alice', 'msat', aliceLimits), peerTerms('bob', 'drop', bobLimits)]
  node = testNode({ clock, address: 'test.us', peers, rates: RATES, ...options })
  node.routes.set('test.bob', { peerId: 'bob' })
  node.routes.set('test.alice', { peerId: 'alice' })
  bob = new TestLink(() => testReject('F99'))
  alice = new TestLink(() => testReject('F99'))
  node.peers.attach('bob', bob)
  node.peers.attach('alice', alice)
}

beforeEach(() => setUp())

function packetToBob(options: { readonly amount?: bigint; readonly expiresInMs?: number } = {}) {
  const { expiresInMs = EXPIRES_IN_MS, amount = 100n } = options
  return testPacket({ amount, destination: 'test.bob.shop', expiresAtMs: clock.nowMs() + expiresInMs })
}

/** Alice sends a packet that Bob answers so. */
async function sendToBob(
  packet: ReturnType<typeof packetToBob>,
  answer?: TestLink['answer'],
): Promise<IlpReply> {
  bob.answer = answer ?? (() => packet.fulfill)
  return node.connector.handle('alice', packet.prepare)
}

function fromAlice(prepare: IlpPrepare): Promise<IlpReply> {
  return node.connector.handle('alice', prepare)
}

function codeOf(reply: IlpReply): string {
  return reply.type === 'reject' ? reply.code : reply.type
}

/** Receives nothing and says nothing, until the test says so. */
function keepBobWaiting() {
  const { promise, resolve } = deferred()
  bob.answer = () => promise
  return resolve
}

/** What an F08 says: [received, maximum]. */
function amountsOf(reply: IlpReply): bigint[] {
  return [reply.data.readBigUInt64BE(0), reply.data.readBigUInt64BE(8)]
}

function expectNothingUnderWay() {
  expect(node.connector.stats.inFlight).toBe(0)
  for (const { incoming, outgoing } of node.peers.all()) {
    expect(incoming).toEqual({ packets: 0, amount: 0n })
    expect(outgoing).toEqual({ packets: 0, amount: 0n })
  }
}

describe('a packet that is fulfilled', () => {
  test('goes on converted, a second earlier expired, and otherwise as it came', async () => {
    const packet = packetToBob({ amount: 100n })
    expect(await sendToBob(packet)).toEqual(packet.fulfill)
    expect(bob.sent).toEqual([
      { ...packet.prepare, amount: 500n, expiresAtMs: packet.prepare.expiresAtMs - 1_000 },
    ])
  })

  test('is owed by whom it came from, and to whom it went', async () => {
    await sendToBob(packetToBob({ amount: 100n }))
    expect(node.books.peerBalance('alice')).toBe(100n)
    expect(node.books.peerBalance('bob')).toBe(-500n)
    expect(node.peers.figures('alice')?.balance).toBe(100n)
    expect(node.peers.figures('bob')?.balance).toBe(-500n)
    expectNothingUnderWay()
  })

  test('was written down before it left, and its fulfilment before the answer', async () => {
    const gates = [deferred<void>(), deferred<void>()]
    let calls = 0
    node.books.durable = () => gates[calls++]!.promise
    let isAnswered = false
    const packet = packetToBob()
    const reply = sendToBob(packet).finally(() => {
      isAnswered = true
    })
    await delay(5)
    expect(bob.sent).toEqual([])
    gates[0]!.resolve()
    await delay(5)
    expect(bob.sent).toHaveLength(1)
    expect(isAnswered).toBe(false)
    gates[1]!.resolve()
    expect(await reply).toEqual(packet.fulfill)
  })

  test('that says it expires in minutes is kept no longer than we wait for anybody', async () => {
    await sendToBob(packetToBob({ expiresInMs: 300_000 }))
    expect(bob.sent[0]?.expiresAtMs).toBe(START_MS + MAX_HOLD_MS - 1_000)
  })

  test('may be of amount 0, and then is in no books', async () => {
    const packet = packetToBob({ amount: 0n })
    expect(await sendToBob(packet)).toEqual(packet.fulfill)
    expect(node.books.log).toEqual([])
  })
})

describe('is refused before it goes anywhere:', () => {
  test.each([
    ['paused', 'T03'],
    ['closing', 'F00'],
    ['closed', 'F00'],
  ] as const)('what a peer sends that is %s (%s)', async (state, code) => {
    node.peers.setState('alice', state)
    expect(codeOf(await sendToBob(packetToBob()))).toBe(code)
  })

  test('what somebody sends whom we do not know (F00)', async () => {
    expect(codeOf(await node.connector.handle('mallory', packetToBob().prepare))).toBe('F00')
  })

  test('an expired packet (R00), in our name', async () => {
    const reply = await sendToBob(packetToBob({ expiresInMs: 0 }))
    expect(reply).toMatchObject({ type: 'reject', code: 'R00', triggeredBy: 'test.us' })
  })

  test('more than the peer may send in one packet (F08, with both figures)', async () => {
    const reply = await sendToBob(packetToBob({ amount: 100_001n }))
    expect(codeOf(reply)).toBe('F08')
    expect(amountsOf(reply)).toEqual([100_001n, 100_000n])
  })

  test('a flood: twice the rate at once, and then the rate (T05)', async () => {
    setUp({ aliceLimits: { maxPacketsPerSecond: 10 } })
    const codes = async (count: number) =>
      Promise.all(Array.from({ length: count }, async () => codeOf(await fromAlice(packetToBob().prepare))))
    expect((await codes(30)).filter((code) => code === 'T05')).toHaveLength(10)
    clock.advanceSeconds(1)
    expect((await codes(30)).filter((code) => code === 'T05')).toHaveLength(20)
  })

  test('more packets than may wait for us (T03)', async () => {
    setUp({ aliceLimits: { maxInFlight: 2 } })
    const answer = keepBobWaiting()
    const waiting = [fromAlice(packetToBob().prepare), fromAlice(packetToBob().prepare)]
    expect(codeOf(await fromAlice(packetToBob().prepare))).toBe('T03')
    answer(testReject('F99'))
    await Promise.all(waiting)
    expectNothingUnderWay()
  })

  test('more packets than may be under way in all (T03)', async () => {
    setUp({ deps: { maxInFlight: 1 } })
    const answer = keepBobWaiting()
    const waiting = fromAlice(packetToBob().prepare)
    const own = { path: 'liabilities/credit/carol', asset: 'msat' } as const
    expect(codeOf(await fromAlice(packetToBob().prepare))).toBe('T03')
    expect(codeOf(await node.connector.send(own, packetToBob().prepare))).toBe('T03')
    answer(testReject('F99'))
    await waiting
  })

  test('a packet that expires when nobody remembers it any more (F00)', async () => {
    expect(codeOf(await sendToBob(packetToBob({ expiresInMs: 300_001 })))).toBe('F00')
    expect(bob.sent).toEqual([])
  })

  test('the same packet again while it is not expired (F00)', async () => {
    const packet = packetToBob()
    await sendToBob(packet)
    expect(codeOf(await sendToBob(packet))).toBe('F00')
    expect(bob.sent).toHaveLength(1)
  })

  test('the same packet again however late it expires (F00), until then', async () => {
    const packet = packetToBob({ expiresInMs: MAX_EXPIRY_AHEAD_MS })
    await sendToBob(packet)
    for (let passedMs = 0; passedMs < MAX_EXPIRY_AHEAD_MS - MAX_HOLD_MS; passedMs += MAX_HOLD_MS) {
      clock.advanceMs(MAX_HOLD_MS)
      expect(codeOf(await sendToBob(packet))).toBe('F00')
    }
    clock.advanceMs(MAX_HOLD_MS - 1)
    expect(codeOf(await sendToBob(packet))).toBe('F00')
    expect(bob.sent).toHaveLength(1)
  })

  test('the same packet by another way, which would be one to the next hop (F00)', async () => {
    setUp({ bobLimits: {} })
    node.peers.set(peerTerms('carol', 'msat'), 'active')
    const packet = packetToBob()
    await sendToBob(packet)
    expect(codeOf(await node.connector.handle('carol', packet.prepare))).toBe('F00')
    expect(bob.sent).toHaveLength(1)
  })

  test('a packet of an earlier run whose fate is not known (F00)', async () => {
    const { prepare } = packetToBob()
    const unresolved: PacketIntent = {
      id: 'ab'.repeat(16),
      incomingId: packetIdOf(prepare),
      from: { kind: 'peer', peerId: 'alice' },
      to: { kind: 'peer', peerId: 'bob' },
      incomingAmount: 1n,
      outgoingAmount: 1n,
      incomingExpiresAtMs: 0,
      outgoingExpiresAtMs: 0,
      executionCondition: prepare.executionCondition,
    }
    setUp({ deps: { unresolved: [] } })
    const { peers } = node
    setUp({ deps: { unresolved: [unresolved], peers } })
    expect(codeOf(await fromAlice(prepare))).toBe('F00')
  })
})

describe('is refused on its way:', () => {
  const toAddress = (destination: string, amount = 0n) =>
    testPacket({ amount, destination, expiresAtMs: clock.nowMs() + EXPIRES_IN_MS }).prepare

  test.each([
    ['a destination without a route', 'test.nowhere.at.all'],
    ['our own address, where nobody receives', 'test.us'],
    ['an address below ours of nobody', 'test.us.nobody'],
    ['where the packet came from', 'test.alice.back'],
    ['a protocol between neighbours that we do not speak', 'peer.gossip'],
  ])('%s (F02)', async (_, destination) => {
    expect(codeOf(await fromAlice(toAddress(destination)))).toBe('F02')
  })

  test('money for a protocol between neighbours (F00), which without any is answered', async () => {
    const reply: IlpReply = { type: 'fulfill', fulfillment: Buffer.alloc(32), data: Buffer.from('hello') }
    setUp({ deps: { peerProtocols: new Map([['peer.config', () => reply]]) } })
    expect(codeOf(await fromAlice(toAddress('peer.config', 1n)))).toBe('F00')
    expect(await fromAlice(toAddress('peer.config'))).toEqual(reply)
    expectNothingUnderWay()
  })

  test('an asset without a rate (T00)', async () => {
    setUp({ rates: ratesOf({ BTC: '1' }) })
    expect(codeOf(await sendToBob(packetToBob()))).toBe('T00')
  })

  test('an amount that is nothing in the asset of the next hop (R01)', async () => {
    setUp({ rates: ratesOf({ BTC: '1', XRP: '100' }) })
    expect(codeOf(await sendToBob(packetToBob({ amount: 1n })))).toBe('R01')
  })

  test('more than the next hop takes (F08), with the most that goes through in the asset of the sender', async () => {
    setUp({ rates: ratesOf({ BTC: '500000', XRP: '1' }, 1_000), bobLimits: { maxPacketAmount: 999n } })
    const reply = await sendToBob(packetToBob({ amount: 5_000n }))
    expect(codeOf(reply)).toBe('F08')
    const [received, maximum] = amountsOf(reply) as [bigint, bigint]
    expect(received).toBe(5_000n)
    expect(codeOf(await sendToBob(packetToBob({ amount: maximum })))).toBe('fulfill')
    expect(codeOf(await sendToBob(packetToBob({ amount: maximum + 1n })))).toBe('F08')
  })

  test('what would make the sender owe too much, packets under way included (T04)', async () => {
    setUp({ aliceLimits: { maxReceivable: 250n } })
    await sendToBob(packetToBob({ amount: 100n }))
    const answer = keepBobWaiting()
    const waiting = fromAlice(packetToBob({ amount: 100n }).prepare)
    expect(codeOf(await fromAlice(packetToBob({ amount: 51n }).prepare))).toBe('T04')
    answer(testReject('F99'))
    await waiting
    expect(codeOf(await sendToBob(packetToBob({ amount: 150n })))).toBe('fulfill')
    expect(codeOf(await sendToBob(packetToBob({ amount: 1n })))).toBe('T04')
    expect(codeOf(await sendToBob(packetToBob({ amount: 0n })))).toBe('fulfill')
  })

  test('what would make us owe too much to the next hop (T04), until it has settled', async () => {
    setUp({ bobLimits: { maxPayable: 1_000n } })
    expect(codeOf(await sendToBob(packetToBob({ amount: 200n })))).toBe('fulfill')
    expect(codeOf(await sendToBob(packetToBob({ amount: 1n })))).toBe('T04')
    node.peers.adjustBalance('bob', 1_000n)
    expect(codeOf(await sendToBob(packetToBob({ amount: 1n })))).toBe('fulfill')
  })

  test('what we would owe too much with what is under way (T04)', async () => {
    setUp({ bobLimits: { maxPayable: 1_000n } })
    const answer = keepBobWaiting()
    const waiting = fromAlice(packetToBob({ amount: 200n }).prepare)
    expect(codeOf(await fromAlice(packetToBob({ amount: 1n }).prepare))).toBe('T04')
    answer(testReject('F99'))
    await waiting
    expect(codeOf(await sendToBob(packetToBob({ amount: 200n })))).toBe('fulfill')
  })

  test('too little time for us and the next hop (R02)', async () => {
    expect(codeOf(await sendToBob(packetToBob({ expiresInMs: 1_999 })))).toBe('R02')
    expect(codeOf(await sendToBob(packetToBob({ expiresInMs: 2_000 })))).toBe('fulfill')
  })

  test.each([
    ['paused', 'T01'],
    ['closing', 'T01'],
    ['closed', 'F02'],
  ] as const)('a next hop that is %s (%s)', async (state, code) => {
    node.peers.setState('bob', state)
    expect(codeOf(await sendToBob(packetToBob()))).toBe(code)
  })

  test('a next hop that is not connected (T01)', async () => {
    bob.isConnected = false
    expect(codeOf(await sendToBob(packetToBob()))).toBe('T01')
  })

  test('a next hop for which too many packets wait (T02)', async () => {
    setUp({ bobLimits: { maxInFlight: 1 } })
    const answer = keepBobWaiting()
    const waiting = fromAlice(packetToBob().prepare)
    expect(codeOf(await fromAlice(packetToBob().prepare))).toBe('T02')
    answer(testReject('F99'))
    await waiting
  })
})

describe('of what the next hop answers,', () => {
  test('a Reject goes upstream as it is, the figures of an F08 too', async () => {
    const reject = testReject('F08', Buffer.from('00000000000001f400000000000000fa', 'hex'))
    expect(await sendToBob(packetToBob(), () => reject)).toEqual(reject)
    expect(node.books.open.size).toBe(0)
    expectNothingUnderWay()
  })

  test.each(['T02', 'T05'])('a %s is about us, and we are the busy ones (T03)', async (code) => {
    const reply = await sendToBob(packetToBob(), () => testReject(code))
    expect(reply).toMatchObject({ code: 'T03', triggeredBy: 'test.us' })
  })

  test('a fulfilment that does not fit is none (F05)', async () => {
    const { fulfill } = packetToBob()
    expect(codeOf(await sendToBob(packetToBob(), () => fulfill))).toBe('F05')
    expect(node.books.log).toEqual(['intend', 'reject'])
    expect(node.peers.figures('bob')?.counts.wrong).toBe(1)
  })

  test('a Fulfill that comes too late is not believed; the reconciler decides (R00)', async () => {
    const packet = packetToBob()
    const reply = await sendToBob(packet, () => {
      clock.advanceMs(EXPIRES_IN_MS - 1_000)
      return packet.fulfill
    })
    expect(codeOf(reply)).toBe('R00')
    expect(node.lost).toHaveLength(1)
    expect(node.books.peerBalance('bob')).toBe(0n)
    expectNothingUnderWay()
  })

  test('none means that the reconciler asks; a fulfilment that it finds is booked and passed on', async () => {
    const packet = packetToBob()
    node.reconcile = () => Promise.resolve(packet.fulfill.fulfillment)
    const reply = await sendToBob(packet, () => ({ type: 'lost' }))
    expect(reply).toEqual({ ...packet.fulfill, data: Buffer.alloc(0) })
    expect(node.books.peerBalance('alice')).toBe(100n)
  })

  test('none that the reconciler knows of ends in R00, and nothing is owed', async () => {
    expect(codeOf(await sendToBob(packetToBob(), () => ({ type: 'lost' })))).toBe('R00')
    expect(node.books.peerBalance('alice')).toBe(0n)
    expectNothingUnderWay()
  })

  test('a packet that did not leave is forgotten (T01)', async () => {
    expect(codeOf(await sendToBob(packetToBob(), () => ({ type: 'unsent' })))).toBe('T01')
    expect(node.books.log).toEqual(['intend', 'reject'])
  })
})

describe('a next hop that does not answer', () => {
  const lose = () => sendToBob(packetToBob(), () => ({ type: 'lost' }))

  test('five times is left alone for 30 s, and is back when two have been answered', async () => {
    for (let count = 0; count < 5; count++) expect(codeOf(await lose())).toBe('R00')
    expect(codeOf(await sendToBob(packetToBob()))).toBe('T01')
    clock.advanceMs(29_999)
    expect(codeOf(await sendToBob(packetToBob()))).toBe('T01')
    clock.advanceMs(1)
    const answer = keepBobWaiting()
    const trials = [fromAlice(packetToBob().prepare), fromAlice(packetToBob().prepare)]
    expect(codeOf(await fromAlice(packetToBob().prepare))).toBe('T01')
    answer(testReject('F99'))
    await Promise.all(trials)
    expect(node.peers.figures('bob')?.isTripped).toBe(false)
    expect(codeOf(await sendToBob(packetToBob()))).toBe('fulfill')
  })

  test('and fails a trial is left alone again', async () => {
    for (let count = 0; count < 5; count++) await lose()
    clock.advanceMs(30_000)
    expect(codeOf(await lose())).toBe('R00')
    expect(codeOf(await sendToBob(packetToBob()))).toBe('T01')
  })

  test('but now and then is not left alone, and a Reject is an answer', async () => {
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 4; count++) await lose()
      expect(codeOf(await sendToBob(packetToBob(), () => testReject('T00')))).toBe('T00')
    }
  })

  test('is still tried when packets that were to try it did not leave', async () => {
    node.peers.set(peerTerms('carol', 'msat'), 'active')
    const packets = Array.from({ length: 5 }, () => packetToBob())
    for (const packet of packets) await sendToBob(packet, () => ({ type: 'lost' }))
    node.peers.linkOpened('bob')
    for (const { prepare } of packets)
      expect(codeOf(await node.connector.handle('carol', prepare))).toBe('F00')
    node.books.failIntend = 'ILP_BOOKS_BUSY'
    for (let count = 0; count < 5; count++) expect(codeOf(await sendToBob(packetToBob()))).toBe('T03')
    node.books.failIntend = undefined
    expect(codeOf(await sendToBob(packetToBob()))).toBe('fulfill')
  })

  test('is tried at once when its link is a new one', async () => {
    for (let count = 0; count < 5; count++) await lose()
    node.peers.linkOpened('bob')
    expect(codeOf(await sendToBob(packetToBob()))).toBe('fulfill')
  })
})

describe('books that fail', () => {
  test.each([
    ['ILP_BOOKS_BUSY', 'T03'],
    ['ILP_BOOKS_CLOSED', 'T00'],
    ['ILP_PACKET_REPEATED', 'F00'],
    ['ILP_PACKET_ENDED', 'R00'],
  ] as const)('with %s before the packet leaves: it does not (%s)', async (failure, code) => {
    node.books.failIntend = failure
    expect(codeOf(await sendToBob(packetToBob()))).toBe(code)
    expect(bob.sent).toEqual([])
    expectNothingUnderWay()
  })

  test('since the packet had come to nothing: upstream hears so (R00)', async () => {
    node.books.failFulfil = 'ILP_PACKET_ENDED'
    expect(codeOf(await sendToBob(packetToBob()))).toBe('R00')
    expect(node.peers.figures('alice')?.balance).toBe(0n)
  })

  test('and leave it open whether it is written: upstream hears nothing before its packet is expired by any clock', async () => {
    const peers = [peerTerms('alice', 'msat'), peerTerms('bob', 'drop')]
    const real = testNode({ clock: systemClock, address: 'test.us', peers, rates: RATES })
    real.routes.set('test.bob', { peerId: 'bob' })
    const expiresAtMs = systemClock.nowMs() + 2_300
    const { prepare, fulfill } = testPacket({ destination: 'test.bob.shop', expiresAtMs })
    real.peers.attach('bob', new TestLink(() => fulfill))
    real.books.failFulfil = 'ILP_BOOKS_CLOSED'
    expect(codeOf(await real.connector.handle('alice', prepare))).toBe('R00')
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(expiresAtMs + MUTE_MS)
    expect(real.notices).toMatchObject([{ event: 'interledger.booking_failed', level: 'error' }])
  })

  test('and are so slow that the next hop would refuse the packet: it does not leave (R00)', async () => {
    node.books.durable = () => {
      clock.advanceMs(EXPIRES_IN_MS)
      return Promise.resolve()
    }
    expect(codeOf(await sendToBob(packetToBob()))).toBe('R00')
    expect(bob.sent).toEqual([])
    expect(node.books.open.size).toBe(0)
  })

  test('a thousand times in a second are told of once', async () => {
    setUp({ aliceLimits: { maxReceivable: 1_000_000n } })
    node.books.failIntend = 'ILP_BOOKS_CLOSED'
    for (let count = 0; count < 1_000; count++) await fromAlice(packetToBob({ amount: 1n }).prepare)
    expect(node.notices).toHaveLength(1)
    clock.advanceSeconds(1)
    await fromAlice(packetToBob().prepare)
    expect(node.notices.at(-1)?.facts.untold).toBe(999)
  })
})

describe('a receiver within the node', () => {
  const account = { path: 'liabilities/credit/carol', asset: 'drop' } as const
  const told: string[] = []
  let decide: (prepare: IlpPrepare) => LocalDecision
  const carol: LocalReceiver = { segment: 'carol', asset: 'drop', decide: (prepare) => decide(prepare) }
  const packetToCarol = () =>
    testPacket({
      amount: 100n,
      destination: 'test.us.carol.invoice',
      expiresAtMs: clock.nowMs() + EXPIRES_IN_MS,
    })

  function accept({ fulfill }: ReturnType<typeof packetToCarol>, creditTo = account): void {
    decide = (prepare) => {
      told.push(`${prepare.amount}`)
      return {
        isAccepted: true,
        creditTo,
        fulfillment: fulfill.fulfillment,
        booked: () => {
          told.push(`booked ${node.books.balance(account)}`)
          return fulfill
        },
        notBooked: () => told.push('not booked'),
      }
    }
  }

  beforeEach(() => {
    told.length = 0
    setUp({ receivers: [carol] })
  })

  test('gets the amount in its own asset, and it is booked before it answers', async () => {
    const packet = packetToCarol()
    accept(packet)
    expect(await fromAlice(packet.prepare)).toEqual(packet.fulfill)
    expect(told).toEqual(['500', 'booked -500'])
    expect(node.books.peerBalance('alice')).toBe(100n)
    expectNothingUnderWay()
  })

  test('in the asset of the sender gets the packet as it came, and under the id that the sender gave it', async () => {
    node.peers.set(peerTerms('dave', 'drop'), 'active')
    const packet = packetToCarol()
    let received: IlpPrepare | undefined
    decide = (prepare) => {
      received = prepare
      return { isAccepted: false, reply: testReject('F99') }
    }
    await node.connector.handle('dave', packet.prepare)
    expect(received).toEqual(packet.prepare)
    // By another way it is the same packet, though nothing of it was computed on the first.
    node.peers.set(peerTerms('erin', 'drop'), 'active')
    expect(codeOf(await node.connector.handle('erin', packet.prepare))).toBe('F00')
  })

  test('gets the same packet once, by whichever way it comes', async () => {
    node.peers.set(peerTerms('dave', 'msat'), 'active')
    const packet = packetToCarol()
    accept(packet)
    await fromAlice(packet.prepare)
    expect(codeOf(await node.connector.handle('dave', packet.prepare))).toBe('F00')
    expect(node.books.balance(account)).toBe(-500n)
  })

  test('may refuse, in its own words', async () => {
    decide = () => ({ isAccepted: false, reply: testReject('F99') })
    expect(await fromAlice(packetToCarol().prepare)).toEqual(testReject('F99'))
  })

  test('that fulfils with what does not fit moves no money (T00)', async () => {
    accept(packetToCarol())
    expect(codeOf(await fromAlice(packetToCarol().prepare))).toBe('T00')
    expect(told).toEqual(['500', 'not booked'])
    expect(node.books.log).toEqual([])
    expect(node.notices[0]?.event).toBe('interledger.receiver_fault')
  })

  test('hears when its money was not booked', async () => {
    const packet = packetToCarol()
    accept(packet)
    node.books.failFulfil = 'ILP_PACKET_ENDED'
    expect(codeOf(await fromAlice(packet.prepare))).toBe('R00')
    expect(told).toEqual(['500', 'not booked'])
  })

  test('that throws costs one packet (T00), and is reported', async () => {
    decide = () => {
      throw new Error('broken')
    }
    expect(codeOf(await fromAlice(packetToCarol().prepare))).toBe('T00')
    expect(node.notices[0]).toMatchObject({ event: 'interledger.packet_fault', facts: { message: 'broken' } })
    expectNothingUnderWay()
  })

  test('can be paid from within the node, across assets', async () => {
    const packet = packetToCarol()
    accept(packet)
    const own = { path: 'liabilities/credit/erin', asset: 'msat' } as const
    expect(await node.connector.send(own, packet.prepare)).toEqual(packet.fulfill)
    expect(node.books.balance(own)).toBe(100n)
    expect(node.books.balance(account)).toBe(-500n)
    expect(node.books.sums()).toEqual({ msat: 0n, drop: 0n })
  })
})

describe('a packet that begins here', () => {
  const own = { path: 'liabilities/credit/carol', asset: 'msat' } as const

  test('is paid by its account, and keeps all of its time', async () => {
    const packet = packetToBob({ amount: 100n })
    bob.answer = () => packet.fulfill
    expect(await node.connector.send(own, packet.prepare)).toEqual(packet.fulfill)
    expect(bob.sent[0]?.expiresAtMs).toBe(packet.prepare.expiresAtMs)
    expect(node.books.balance(own)).toBe(100n)
    expect(node.books.peerBalance('bob')).toBe(-500n)
  })

  test('is not sent when it is expired (R00)', async () => {
    expect(codeOf(await node.connector.send(own, packetToBob({ expiresInMs: 0 }).prepare))).toBe('R00')
  })

  test('goes past the routes to a neighbour, when it carries no money', async () => {
    const { prepare, fulfill } = testPacket({
      amount: 0n,
      destination: 'peer.config',
      expiresAtMs: clock.nowMs() + EXPIRES_IN_MS,
    })
    bob.answer = () => fulfill
    expect(await node.connector.sendToPeer('bob', prepare)).toEqual(fulfill)
    bob.answer = () => ({ ...fulfill, fulfillment: Buffer.alloc(32) })
    expect(codeOf(await node.connector.sendToPeer('bob', prepare))).toBe('F05')
    expect(codeOf(await node.connector.sendToPeer('bob', { ...prepare, amount: 1n }))).toBe('F00')
    expect(codeOf(await node.connector.sendToPeer('nobody', prepare))).toBe('T01')
  })
})

test('a packet that goes round in a circle ends when its time is used up (R02)', async () => {
  const other = testNode({
    clock,
    address: 'test.other',
    peers: [peerTerms('us', 'drop'), peerTerms('us-again', 'msat')],
    rates: RATES,
  })
  // We send to the other node by Bob, it sends to us by Alice.
  other.routes.set('test.bob', { peerId: 'us-again' })
  const back = new TestLink((prepare) => node.connector.handle('alice', prepare))
  other.peers.attach('us-again', back)
  bob.answer = (prepare) => other.connector.handle('us', prepare)
  const reply = await fromAlice(packetToBob({ amount: 10n, expiresInMs: 10_000 }).prepare)
  expect(codeOf(reply)).toBe('R02')
  expect(bob.sent).toHaveLength(5)
  expectNothingUnderWay()
})

test('after the close nothing is let in, and what is under way has ended', async () => {
  const answer = keepBobWaiting()
  const waiting = fromAlice(packetToBob().prepare)
  let isClosed = false
  const closing = node.connector.close().finally(() => {
    isClosed = true
  })
  expect(codeOf(await fromAlice(packetToBob().prepare))).toBe('T03')
  expect(isClosed).toBe(false)
  answer(testReject('F99'))
  await waiting
  await closing
})

describe('a balance read from the ledger', () => {
  test('replaces the one that was kept', async () => {
    expect(await node.peers.refreshBalance('alice', () => Promise.resolve(42n))).toBe(true)
    expect(node.peers.figures('alice')?.balance).toBe(42n)
  })

  test('is not taken when a packet was booked meanwhile', async () => {
    const read = async () => {
      await sendToBob(packetToBob({ amount: 100n }))
      return 0n
    }
    expect(await node.peers.refreshBalance('alice', read)).toBe(false)
    expect(node.peers.figures('alice')?.balance).toBe(100n)
  })
})

test('the link is handed the bytes of the packet that it sends', async () => {
  const packet = packetToBob()
  const handed: unknown[] = []
  const link = new TestLink(() => packet.fulfill)
  node.peers.attach('bob', {
    ...link,
    isConnected: true,
    ask: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
    send: (prepare, encoded) => {
      handed.push([prepare, encoded])
      return link.send(prepare)
    },
  })
  await fromAlice(packet.prepare)
  const sent = { ...packet.prepare, amount: 500n, expiresAtMs: packet.prepare.expiresAtMs - 1_000 }
  expect(handed).toEqual([[sent, encodeIlpPacket(sent)]])
})

test('codes that strangers make up are counted as one', async () => {
  for (const code of ['F99', 'X00', 'X01', '"}"']) await sendToBob(packetToBob(), () => testReject(code))
  expect(node.peers.figures('alice')!.counts.rejected).toEqual({ F99: 1, other: 3 })
  expect(node.connector.stats.counts.rejected).toEqual({ F99: 1, other: 3 })
})

test('what was answered is counted by code', async () => {
  await sendToBob(packetToBob())
  await sendToBob(packetToBob(), () => testReject('F99'))
  await sendToBob(packetToBob({ expiresInMs: 0 }))
  const { counts } = node.peers.figures('alice')!
  expect(counts).toMatchObject({ incoming: 3, fulfilled: 1, rejected: { F99: 1, R00: 1 } })
  expect(node.connector.stats.counts).toMatchObject({ incoming: 3, outgoing: 2, fulfilled: 1 })
})
