/**
 * Hostile peers over real BTP connections and over HTTP, against one whole node with its books in PostgreSQL. Whatever they do: each
 * packet has the answer that the RFC gives it, limits hold, an honest peer beside them is served, the ledger balances.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { authMessage, connectRaw } from '../../src/interledger/btp/testing/index.ts'
import { peerRequest } from '../../src/interledger/ildcp/index.ts'
import {
  addPeer,
  peerTerms,
  startTestNode,
  type TestNode,
  tokenHashOf,
} from '../../src/interledger/node/testing/index.ts'
import { encodeIlpPacket, type IlpPrepare, type IlpReply } from '../../src/interledger/packet/index.ts'
import { RECONCILE_PROTOCOL } from '../../src/interledger/reconcile/index.ts'
import {
  decodeAcknowledgement,
  decodeAnswers,
  encodeAnswers,
  encodePacketList,
  packetIdOf,
} from '../../src/interledger/reconcile/testing/index.ts'
import { CCP_UPDATE } from '../../src/interledger/routing/index.ts'
import { type CcpUpdate, encodeCcpUpdate, routeTo } from '../../src/interledger/routing/testing/index.ts'
import { testDatabase } from '../../src/platform/database/testing/index.ts'
import {
  type AnswerPrepare,
  dataIn,
  fulfilling,
  HostileHttpPeer,
  HostilePeer,
  type HostilePeerOptions,
  type HttpReply,
  type PeerAnswer,
  preparePaying,
} from './hostile-ilp-peer.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

type PeerTerms = Parameters<typeof addPeer>[1]
type PeerLimits = PeerTerms['limits']

const BY = { actor: 'cli', role: 'cli' }
const PATIENCE = { timeout: 20_000, interval: 20 }
const HOLD_SECONDS = 2
const WINDOW_MS = 100
/** Of every peer of these tests, unless a test says otherwise. */
const LIMITS: PeerLimits = {
  maxReceivable: 10_000n,
  maxPayable: 1_000_000n,
  maxPacketAmount: 1_000n,
  maxPacketsPerSecond: 1_000,
  maxInFlight: 20,
  minMessageWindowMs: WINDOW_MS,
}
/** What the honest peer pays, and to whom, after every attack. */
const HONEST_PAYS = 10n

let database: Awaited<ReturnType<typeof testDatabase>>
let node: TestNode
let honest: HostilePeer
let shop: HostilePeer
let connected: HostilePeer[] = []
let peers = 0

beforeAll(async () => {
  database = await testDatabase({ poolSize: 4 })
  node = await startTestNode({ database, settings: { address: 'test.node', maxHoldSeconds: HOLD_SECONDS } })
  honest = await join('honest', { limits: { maxReceivable: 1_000_000n } })
  shop = await join('shop', { limits: { maxInFlight: 10_000 } })
  connected = []
})

afterAll(async () => {
  await node.stop()
  await database.close()
})

let sold = 0n
beforeEach(async () => {
  sold = await balanceOf('assets/peer/shop')
})

afterEach(async () => {
  await Promise.all(connected.splice(0).map((peer) => peer.close()))
  const before = await balanceOf('assets/peer/shop')
  expect(before).toBeLessThanOrEqual(sold)
  expect(await honest.pay(preparePaying('test.node.shop', { amount: HONEST_PAYS }))).toMatchObject({
    type: 'fulfill',
  })
  expect(await balanceOf('assets/peer/shop')).toBe(before - HONEST_PAYS)
  await expectSoundBooks()
})

/** No limit is broken, what the node knows of balances is what the ledger says, and the ledger balances. */
async function expectSoundBooks(): Promise<void> {
  for (const { id, balance, limits } of await node.opened.node.peers.list()) {
    expect(balance, id).toBeLessThanOrEqual(limits.maxReceivable)
    expect(-balance, id).toBeLessThanOrEqual(limits.maxPayable)
    expect(balance, id).toBe(await balanceOf(`assets/peer/${id}`))
  }
  for (const line of await node.ledger.trialBalance()) {
    expect(line.debits).toBe(line.credits)
    expect(line.wrongBalances).toBe(0)
  }
}

async function balanceOf(path: string): Promise<bigint> {
  return (await node.ledger.balance({ path, asset: 'drop' })).balance
}

interface PeerSetup extends Partial<Pick<HostilePeerOptions, 'answer' | 'answerAsk'>> {
  readonly limits?: Partial<PeerLimits>
  readonly relation?: PeerTerms['relation']
}

const urlOf = (): string => `ws://127.0.0.1:${node.port}/btp`
const tokenOf = (id: string): string => `the-secret-token-of-${id}`

/** A peer of the node that is connected; a child unless told otherwise, so that it can be paid at `test.node.<id>`. */
async function join(id: string, { limits, relation = 'child', ...options }: PeerSetup = {}) {
  const link = { kind: 'btp-server', tokenHash: tokenHashOf(tokenOf(id)) } as const
  await addPeer(node.opened, peerTerms(id, 'drop', link, { relation, limits: { ...LIMITS, ...limits } }))
  return connectAgain(id, options)
}

async function connectAgain(id: string, options: Partial<HostilePeerOptions> = {}): Promise<HostilePeer> {
  const peer = await HostilePeer.connect({ url: urlOf(), token: tokenOf(id), ...options })
  connected.push(peer)
  return peer
}

/** Each test has peers of its own. */
function newId(): string {
  return `mallory-${++peers}`
}

async function joinMallory(
  setup: PeerSetup = {},
): Promise<{ readonly id: string; readonly peer: HostilePeer }> {
  const id = newId()
  return { id, peer: await join(id, setup) }
}

const factsOf = async (id: string) => (await node.opened.node.peers.list()).find((peer) => peer.id === id)

function codeOf(reply: HttpReply | undefined): string | undefined {
  if (reply?.type === 'http') return `${reply.status}`
  return reply?.type === 'reject' ? reply.code : reply?.type
}

function countCodes(replies: readonly (HttpReply | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const reply of replies) {
    const code = codeOf(reply) ?? 'nothing'
    counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

/** Packets that no link carries any further, and what is said of them over BTP. */
const REFUSED: readonly (readonly [what: string, code: string, packet: () => Partial<IlpPrepare>])[] = [
  ['expired', 'R00', () => ({ expiresAtMs: Date.now() - 1 })],
  ['with too little time left to pass it on', 'R02', () => ({ expiresAtMs: Date.now() + WINDOW_MS })],
  ['that expire in a thousand years', 'F00', () => ({ expiresAtMs: Date.UTC(3026, 0, 1) })],
  ['larger than the largest', 'F08', () => ({ amount: 1_001n })],
  ['of the largest amount that there is', 'F08', () => ({ amount: 2n ** 64n - 1n })],
  ['with more data than a packet may have', 'F01', () => ({ data: Buffer.alloc(32_768) })],
  ['to no address below a child of its own', 'F02', () => ({ destination: 'test.node.mallory.wallet' })],
  ['to no child of the node', 'F02', () => ({ destination: 'test.node.nobody.at.all' })],
  ['to the node itself', 'F02', () => ({ destination: 'test.node' })],
  ['to what is no payment of the node', 'F02', () => ({ destination: 'test.node.pay.made-up' })],
  ['with money to the neighbour itself', 'F00', () => ({ destination: 'peer.config' })],
  ['to an unknown protocol between neighbours', 'F02', () => ({ destination: 'peer.shell', amount: 0n })],
]

describe('packets that must not pass', () => {
  test.each(REFUSED)('%s: %s', async (_, code, packet) => {
    const { id, peer } = await joinMallory()
    const heard = shop.heard.length
    expect(codeOf(await peer.pay(preparePaying('test.node.shop', packet())))).toBe(code)
    expect(shop.heard).toHaveLength(heard)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
  })

  test('an F08 says what would pass', async () => {
    const { peer } = await joinMallory()
    const reply = await peer.pay(preparePaying('test.node.shop', { amount: 5_000n }))
    expect(reply?.data.readBigUInt64BE(0)).toBe(5_000n)
    expect(reply?.data.readBigUInt64BE(8)).toBe(1_000n)
  })

  test('an expiry of minutes is cut to what the node waits', async () => {
    const { peer } = await joinMallory()
    const expiresAtMs = Date.now() + 240_000
    expect(codeOf(await peer.pay(preparePaying('test.node.shop', { expiresAtMs })))).toBe('fulfill')
    expect(shop.heard.at(-1)!.expiresAtMs).toBeLessThanOrEqual(Date.now() + HOLD_SECONDS * 1_000)
  })

  test('garbage in the place of a packet: F01, however often; a packet beside it passes', async () => {
    const { peer } = await joinMallory()
    const good = encodeIlpPacket(preparePaying('test.node.shop'))
    const garbage = garbageBeside(good)
    const replies = await Promise.all(garbage.map((bytes) => peer.sendIlp(bytes)))
    expect(countCodes(replies)).toEqual({ F01: garbage.length })
    expect(codeOf(await peer.sendIlp(good))).toBe('fulfill')
  })

  test('frames that are none have no answer, and a hundred of them end the connection', async () => {
    const { peer } = await joinMallory()
    for (let sent = 0; sent < 100; sent++) peer.sendRaw(randomBytes(sent))
    expect(codeOf(await peer.pay(preparePaying('test.node.shop')))).toBe('fulfill')
    expect(peer.raw.waiting).toEqual([])
    peer.sendRaw(Buffer.from([99]))
    peer.sendRaw(Buffer.from([99]))
    expect(await peer.raw.closed).toBe(1002)
  })

  test('a frame that is too long ends the connection', async () => {
    const { peer } = await joinMallory()
    peer.sendRaw(Buffer.alloc(128 * 1024 + 1))
    expect(await peer.raw.closed).toBe(1009)
  })

  test('a Transfer settles nothing: it is refused by a BTP error', async () => {
    const { id, peer } = await joinMallory()
    const frame = { type: 'transfer', requestId: 7, amount: 10n ** 15n, protocols: [] } as const
    expect(await peer.request(frame)).toMatchObject({ type: 'error', code: 'F00' })
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
  })
})

describe('a next hop that does not do its part', () => {
  /** Pays through the node to a hostile peer; whoever pays owes nothing unless it was fulfilled. */
  async function payTo(id: string, changes: Partial<IlpPrepare> = {}): Promise<IlpReply | undefined> {
    return honest.pay(preparePaying(`test.node.${id}`, { expiresAtMs: Date.now() + 1_000, ...changes }))
  }

  const WRONGS: readonly [what: string, code: string, answer: AnswerPrepare][] = [
    ['fulfils with what does not fit', 'F05', () => fulfilling({ data: randomBytes(32) })],
    ['fulfils when its packet has expired', 'R00', (prepare) => lateBy(prepare, 50)],
    ['fulfils when ours has expired too', 'R00', (prepare) => lateBy(prepare, 500)],
    ['never answers', 'R00', () => 'silence'],
    ['rejects in words of its own', 'Z42', () => rejection('Z42')],
    ['says that we are too fast', 'T03', () => rejection('T05')],
    ['says that it does not know us', 'F00', () => rejection('F00')],
  ]

  async function lateBy({ data, expiresAtMs }: IlpPrepare, ms: number): Promise<PeerAnswer> {
    await delay(expiresAtMs - Date.now() + ms)
    return fulfilling({ data })
  }

  function rejection(code: string): IlpReply {
    return { type: 'reject', code, triggeredBy: 'test.mallory', message: '', data: Buffer.alloc(0) }
  }

  test.each(WRONGS)('%s: the sender is told %s, and nobody owes anything', async (_, code, answer) => {
    const { id, peer } = await joinMallory({ answer })
    const owed = await balanceOf('assets/peer/honest')
    const expiresAtMs = Date.now() + (code === 'R00' ? 500 : 1_000)
    expect(codeOf(await payTo(id, { expiresAtMs }))).toBe(code)
    expect(peer.heard).toHaveLength(1)
    // A Fulfill that is still on its way changes nothing any more.
    if (code === 'R00') await delay(500)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
    expect(await balanceOf('assets/peer/honest')).toBe(owed)
  })

  test('is paid once, however often it fulfils', async () => {
    const { id, peer } = await joinMallory()
    const replies = Array.from({ length: 50 }, (_, requestId) => ({
      type: 'response' as const,
      requestId,
      protocols: [
        { name: 'ilp', contentType: 0, data: encodeIlpPacket(fulfilling({ data: randomBytes(32) })) },
      ],
    }))
    expect(codeOf(await payTo(id))).toBe('fulfill')
    for (const reply of replies) peer.raw.send(reply)
    expect(codeOf(await payTo(id))).toBe('fulfill')
    expect(await balanceOf(`assets/peer/${id}`)).toBe(-2_000n)
  })

  test('is spared for a while when it never answers: T01 at once, and others are served meanwhile', async () => {
    const { id } = await joinMallory({ answer: () => 'silence' })
    const lost = await Promise.all(Array.from({ length: 5 }, () => payTo(id)))
    expect(countCodes(lost)).toEqual({ R00: 5 })
    expect(await factsOf(id)).toMatchObject({ isTripped: true })
    expect(codeOf(await payTo(id))).toBe('T01')
  })

  test('does not hold up packets to others while it holds as many as it may', async () => {
    const { id } = await joinMallory({ answer: () => 'silence' })
    const held = Promise.all(Array.from({ length: 25 }, () => payTo(id, { amount: 1n })))
    // The honest peer itself may have twenty under way: the last five are refused, and then there is room for no other.
    expect(codeOf(await payTo('shop'))).toBe('T03')
    const other = await joinMallory()
    expect(codeOf(await other.peer.pay(preparePaying('test.node.shop')))).toBe('fulfill')
    expect(countCodes(await held)).toEqual({ R00: 20, T03: 5 })
  })

  test('cannot make us pay by answering a reconciliation with what does not fit, or with "pending" for ever', async () => {
    const LIES = [{ state: 'fulfilled', fulfillment: randomBytes(32) }, { state: 'pending' }] as const
    const lie = async (answer: (typeof LIES)[number]) => {
      let questions = 0
      const { id } = await joinMallory({
        answer: () => 'silence',
        answerAsk: (data) => {
          questions++
          return encodeAnswers(Array.from({ length: data.readUInt16BE(2) }, () => answer))
        },
      })
      expect(codeOf(await payTo(id))).toBe('R00')
      expect(questions).toBeGreaterThan(0)
      expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
    }
    await Promise.all(LIES.map(lie))
  })
})

describe('the same packet once more', () => {
  test('is refused with F00, over the same connection and over a new one, and is paid once', async () => {
    const { id, peer } = await joinMallory()
    const prepare = preparePaying('test.node.shop')
    const heard = shop.heard.length
    const [first, second] = await Promise.all([peer.pay(prepare), peer.pay(prepare)])
    expect([codeOf(first), codeOf(second)]).toEqual(['fulfill', 'F00'])
    await peer.close()
    const again = await connectAgain(id)
    expect(codeOf(await again.pay(prepare))).toBe('F00')
    // With bytes behind it, which every reader passes over.
    const longer = Buffer.concat([encodeIlpPacket(prepare), randomBytes(9)])
    expect(codeOf(await again.sendIlp(longer))).toBe('F00')
    expect(shop.heard).toHaveLength(heard + 1)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(1_000n)
  })

  test('is refused as long as it is not expired, when packets that came to nothing are forgotten long since', async () => {
    const { id, peer } = await joinMallory()
    const prepare = preparePaying('test.node.shop', { expiresAtMs: Date.now() + 240_000 })
    expect(codeOf(await peer.pay(prepare))).toBe('fulfill')
    const sales = await balanceOf('assets/peer/shop')
    await delay(2 * HOLD_SECONDS * 1_000 + 500)
    expect(codeOf(await peer.pay(prepare))).toBe('F00')
    expect(await balanceOf(`assets/peer/${id}`)).toBe(1_000n)
    expect(await balanceOf('assets/peer/shop')).toBe(sales)
  })
})

describe('more than was agreed', () => {
  test('above its packets a second a peer is told T05, and the node does no more for them', async () => {
    const { id, peer } = await joinMallory({ limits: { maxPacketsPerSecond: 50, maxInFlight: 1_000 } })
    const startedMs = Date.now()
    const flood = Array.from({ length: 2_000 }, () =>
      peer.pay(preparePaying('test.node.shop', { amount: 1n })),
    )
    const counts = countCodes(await Promise.all(flood))
    const seconds = (Date.now() - startedMs) / 1_000
    // Two seconds' worth at once, and what time gives back.
    expect(counts.fulfill).toBeGreaterThanOrEqual(100)
    expect(counts.fulfill).toBeLessThanOrEqual(101 + seconds * 50)
    expect(counts).toEqual({ fulfill: counts.fulfill, T05: 2_000 - counts.fulfill! })
    expect(await balanceOf(`assets/peer/${id}`)).toBe(BigInt(counts.fulfill!))
  })

  test('above what may be under way it is told T03, and when that is answered it may go on', async () => {
    const release = Promise.withResolvers<void>()
    const receiver = await joinMallory({
      answer: async (prepare) => {
        await release.promise
        return fulfilling(prepare)
      },
    })
    const { peer } = await joinMallory()
    const held = Array.from({ length: 30 }, () =>
      peer.pay(preparePaying(`test.node.${receiver.id}`, { amount: 1n })),
    )
    await vi.waitFor(() => expect(receiver.peer.heard).toHaveLength(20), PATIENCE)
    expect(codeOf(await peer.pay(preparePaying('test.node.shop')))).toBe('T03')
    release.resolve()
    expect(countCodes(await Promise.all(held))).toEqual({ fulfill: 20, T03: 10 })
    expect(codeOf(await peer.pay(preparePaying('test.node.shop')))).toBe('fulfill')
  })

  test('who settles nothing comes to owe what it may and no more, packets under way counted: T04', async () => {
    const { id, peer } = await joinMallory()
    const silent = await joinMallory({ answer: () => 'silence' })
    const expiresAtMs = Date.now() + 1_500
    const held = Array.from({ length: 6 }, () =>
      peer.pay(preparePaying(`test.node.${silent.id}`, { expiresAtMs })),
    )
    await vi.waitFor(() => expect(silent.peer.heard).toHaveLength(6), PATIENCE)
    const paid = await Promise.all(Array.from({ length: 8 }, () => peer.pay(preparePaying('test.node.shop'))))
    expect(countCodes(paid)).toEqual({ fulfill: 4, T04: 4 })
    expect(await balanceOf(`assets/peer/${id}`)).toBe(4_000n)
    expect(countCodes(await Promise.all(held))).toEqual({ R00: 6 })
    const rest = await Promise.all(
      Array.from({ length: 12 }, () => peer.pay(preparePaying('test.node.shop'))),
    )
    expect(countCodes(rest)).toEqual({ fulfill: 6, T04: 6 })
    expect(codeOf(await peer.pay(preparePaying('test.node.shop', { amount: 1n })))).toBe('T04')
    // What comes without money passes, and what it is paid makes room.
    expect(codeOf(await peer.pay(preparePaying('test.node.shop', { amount: 0n })))).toBe('fulfill')
    expect(await balanceOf(`assets/peer/${id}`)).toBe(10_000n)
    expect(codeOf(await honest.pay(preparePaying(`test.node.${id}`)))).toBe('fulfill')
    expect(codeOf(await peer.pay(preparePaying('test.node.shop')))).toBe('fulfill')
  })

  test('who is owed all that it may be owed is paid no more: T04 for whoever pays it', async () => {
    const { id, peer } = await joinMallory({ limits: { maxPayable: 2_500n } })
    const paid = await Promise.all(
      Array.from({ length: 5 }, () => honest.pay(preparePaying(`test.node.${id}`))),
    )
    expect(countCodes(paid)).toEqual({ fulfill: 2, T04: 3 })
    expect(peer.heard).toHaveLength(2)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(-2_000n)
  })

  test('who never reads is left, and the node keeps what it may for it', async () => {
    const { id, peer } = await joinMallory({ limits: { maxPacketsPerSecond: 100_000, maxInFlight: 10_000 } })
    const reader = await joinMallory({
      limits: { maxInFlight: 10_000 },
      answer: ({ data }) => ({ type: 'reject', code: 'F99', triggeredBy: '', message: '', data }),
    })
    peer.raw.socket.pause()
    const sent: Promise<unknown>[] = []
    const isOpen = (): boolean => peer.raw.socket.readyState === WebSocket.OPEN
    // Answers of 32,000 bytes: the kernel takes some of them, the node 16 MiB; this is ten times that.
    while (isOpen() && sent.length < 5_000) {
      const heard = reader.peer.heard.length
      for (let count = 0; count < 20; count++) {
        const destination = `test.node.${reader.id}`
        sent.push(peer.pay(preparePaying(destination, { amount: 0n, data: randomBytes(32_000) })))
      }
      // As fast as they are answered: those that expire on the way have short answers.
      for (let waits = 0; waits < 200 && isOpen() && reader.peer.heard.length < heard + 20; waits++) {
        await delay(5)
      }
    }
    await vi.waitFor(async () => expect(await factsOf(id)).toMatchObject({ isConnected: false }), PATIENCE)
    peer.raw.socket.terminate()
    await Promise.all(sent)
    expect(await factsOf(id)).toMatchObject({ incomingInFlight: 0n })
  })
})

describe('over HTTP', () => {
  async function joinOverHttp(limits: Partial<PeerLimits> = {}) {
    const id = newId()
    const tokenHash = tokenHashOf(tokenOf(id))
    const link = { kind: 'http', url: 'http://127.0.0.1:9/ilp', token: 'unused', tokenHash } as const
    const terms = { relation: 'child', limits: { ...LIMITS, ...limits } } as const
    await addPeer(node.opened, peerTerms(id, 'drop', link, terms))
    return { id, peer: new HostileHttpPeer(`${node.url}/ilp`, tokenOf(id)) }
  }

  test.each(REFUSED)('a packet %s: %s', async (_, code, packet) => {
    const { id, peer } = await joinOverHttp()
    const heard = shop.heard.length
    // What is no packet is not taken at all.
    const expected = code === 'F01' ? '400' : code
    expect(codeOf(await peer.pay(preparePaying('test.node.shop', packet())))).toBe(expected)
    expect(shop.heard).toHaveLength(heard)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
  })

  test('garbage in the place of a packet is not taken, and a packet beside it passes', async () => {
    const { id, peer } = await joinOverHttp()
    const good = encodeIlpPacket(preparePaying('test.node.shop'))
    const garbage = garbageBeside(good)
    const replies = await Promise.all([...garbage.map((bytes) => peer.post(bytes)), peer.post(good)])
    expect(countCodes(replies)).toEqual({ 400: garbage.length, fulfill: 1 })
    expect(codeOf(await peer.post(Buffer.alloc(128 * 1024 + 1)))).toBe('413')
    expect(codeOf(await peer.post(good, { 'content-type': 'application/json' }))).toBe('415')
    expect(codeOf(await peer.post(randomBytes(100), { 'content-type': 'application/vnd.stoa.ask' }))).toBe(
      '404',
    )
    expect(await balanceOf(`assets/peer/${id}`)).toBe(1_000n)
  })

  test('the same packet once more is refused with F00, at once and later, and is paid once', async () => {
    const { id, peer } = await joinOverHttp()
    const prepare = preparePaying('test.node.shop')
    const heard = shop.heard.length
    const together = await Promise.all(Array.from({ length: 20 }, () => peer.pay(prepare)))
    expect(countCodes(together)).toEqual({ fulfill: 1, F00: 19 })
    const longer = Buffer.concat([encodeIlpPacket(prepare), randomBytes(9)])
    expect(countCodes([await peer.pay(prepare), await peer.post(longer)])).toEqual({ F00: 2 })
    expect(shop.heard).toHaveLength(heard + 1)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(1_000n)
  })

  test('above its packets a second a peer is told T05, and above what it may owe T04', async () => {
    const { id, peer } = await joinOverHttp({
      maxPacketsPerSecond: 10,
      maxInFlight: 1_000,
      maxReceivable: 15n,
    })
    // So far above the rate that it stays a flood on a machine that needs seconds for it.
    const startedMs = Date.now()
    const flood = Array.from({ length: 500 }, () => peer.pay(preparePaying('test.node.shop', { amount: 1n })))
    const { fulfill = 0, T04 = 0, ...others } = countCodes(await Promise.all(flood))
    const seconds = (Date.now() - startedMs) / 1_000
    // Two seconds' worth at once, and what time gives back.
    expect(fulfill).toBe(15)
    expect(fulfill + T04).toBeGreaterThanOrEqual(20)
    expect(fulfill + T04).toBeLessThanOrEqual(21 + seconds * 10)
    expect(others).toEqual({ T05: 500 - fulfill - T04 })
    expect(await balanceOf(`assets/peer/${id}`)).toBe(15n)
  })

  test('who shows a token of nobody, of a peer over BTP, of a closed peer or none is told 401', async () => {
    const gone = await joinOverHttp()
    await node.opened.node.peers.close(gone.id, BY)
    await vi.waitFor(async () => expect(await factsOf(gone.id)).toMatchObject({ state: 'closed' }), PATIENCE)
    const overBtp = await joinMallory()
    const heard = shop.heard.length
    for (const token of [
      'of-nobody',
      tokenOf(gone.id),
      tokenOf(overBtp.id),
      tokenHashOf(tokenOf('honest')),
    ]) {
      const stranger = new HostileHttpPeer(`${node.url}/ilp`, token)
      expect(codeOf(await stranger.pay(preparePaying('test.node.shop'))), token).toBe('401')
    }
    const mute = new HostileHttpPeer(`${node.url}/ilp`, '')
    expect(codeOf(await mute.post(randomBytes(10), { authorization: 'Basic aG9uZXN0Og==' }))).toBe('401')
    expect(shop.heard).toHaveLength(heard)
  })
})

describe('who it says it is', () => {
  test('a token of nobody, one of a closed peer, one of an HTTP peer and no token at all are refused', async () => {
    const gone = await joinMallory()
    await node.opened.node.peers.close(gone.id, BY)
    await vi.waitFor(async () => expect(await factsOf(gone.id)).toMatchObject({ state: 'closed' }), PATIENCE)
    const overHttp = newId()
    const tokenHash = tokenHashOf(tokenOf(overHttp))
    const link = { kind: 'http', url: 'http://127.0.0.1:9/ilp', token: 'unused', tokenHash } as const
    await addPeer(node.opened, peerTerms(overHttp, 'drop', link))
    for (const token of ['a token of nobody', tokenOf(gone.id), tokenOf(overHttp), tokenHash, '']) {
      const stranger = await connectRaw(urlOf())
      stranger.send(authMessage(1, { token, username: 'honest' }))
      // What comes at once behind it is not read.
      stranger.send(ilpFrame(preparePaying('test.node.shop')))
      expect(await stranger.next(), token).toMatchObject({ type: 'error', code: 'F00', requestId: 1 })
      expect(await stranger.closed).toBe(1008)
      expect(stranger.waiting).toEqual([])
    }
    const mute = await connectRaw(urlOf())
    mute.send(ilpFrame(preparePaying('test.node.shop')))
    expect(await mute.next()).toMatchObject({ type: 'error', code: 'F00' })
    expect(await mute.closed).toBe(1008)
  })

  test('a name beside a token changes nothing: the token says who it is', async () => {
    const { id } = await joinMallory()
    const owed = await balanceOf('assets/peer/honest')
    const raw = await connectRaw(urlOf())
    raw.send(authMessage(1, { token: tokenOf(id), username: 'honest' }))
    expect(await raw.next()).toMatchObject({ type: 'response' })
    raw.send(ilpFrame(preparePaying('test.node.shop')))
    await vi.waitFor(async () => expect(await balanceOf(`assets/peer/${id}`)).toBe(1_000n), PATIENCE)
    expect(await balanceOf('assets/peer/honest')).toBe(owed)
    raw.socket.terminate()
  })

  test('of two connections with one token the later stays, and what it owes is one debt', async () => {
    const { id, peer } = await joinMallory()
    expect(codeOf(await peer.pay(preparePaying('test.node.shop')))).toBe('fulfill')
    const second = await connectAgain(id)
    await peer.raw.closed
    expect(await peer.pay(preparePaying('test.node.shop'))).toBeUndefined()
    expect(codeOf(await second.pay(preparePaying('test.node.shop')))).toBe('fulfill')
    expect(await balanceOf(`assets/peer/${id}`)).toBe(2_000n)
  })

  test('many connections with one token, packets in all of them: each packet is booked once, or not at all', async () => {
    const { id, peer: first } = await joinMallory({ limits: { maxInFlight: 1_000 } })
    const all = [first]
    const replies: Promise<IlpReply | undefined>[] = []
    const sales = await balanceOf('assets/peer/shop')
    for (let count = 0; count < 20; count++) {
      const packets = Array.from({ length: 20 }, () => preparePaying('test.node.shop', { amount: 1n }))
      replies.push(...packets.map((packet) => all.at(-1)!.pay(packet)))
      all.push(await connectAgain(id))
    }
    const counts = countCodes(await Promise.all(replies))
    await vi.waitFor(async () => expect((await node.opened.node.stats()).inFlight).toBe(0), PATIENCE)
    const owed = await balanceOf(`assets/peer/${id}`)
    // Answers to some were lost with their connection; it owes for them, since the shop was paid.
    expect(owed).toBeGreaterThanOrEqual(BigInt(counts.fulfill ?? 0))
    expect(owed).toBeLessThanOrEqual(400n)
    expect(await balanceOf('assets/peer/shop')).toBe(sales - owed)
    expect(codeOf(await all.at(-1)!.pay(preparePaying('test.node.shop', { amount: 1n })))).toBe('fulfill')
  })

  function ilpFrame(prepare: IlpPrepare) {
    const protocols = [{ name: 'ilp', contentType: 0, data: encodeIlpPacket(prepare) }]
    return { type: 'message', requestId: 2, protocols } as const
  }
})

describe('routes', () => {
  const tell = async (
    peer: HostilePeer,
    speaker: string,
    prefixes: readonly string[],
    changes: Partial<CcpUpdate> = {},
  ) =>
    peer.pay(
      peerRequest({
        destination: CCP_UPDATE,
        data: encodeCcpUpdate({
          tableId: 'ab'.repeat(16),
          currentEpoch: 1,
          fromEpoch: 0,
          toEpoch: 1,
          holdDownMs: 45_000,
          speaker,
          newRoutes: prefixes.map((prefix) => routeTo(prefix, [speaker])),
          withdrawn: [],
          ...changes,
        }),
        nowMs: Date.now(),
        waitMs: 5_000,
      }),
    )

  test.each([
    ['our own prefix', 'peer', 'test.node'],
    ['our own receivers', 'peer', 'test.node.pay'],
    ["another child's address", 'peer', 'test.node.shop'],
    ["another child's address (as a child)", 'child', 'test.node.shop'],
    ["below another child's address", 'peer', 'test.node.shop.till'],
    ['what the operator leads elsewhere', 'peer', 'test.static.part'],
    ['everything', 'peer', ''],
    ['a whole scheme', 'peer', 'test'],
    ['the scheme g', 'peer', 'g'],
    ['another scheme', 'peer', 'g.bank'],
  ] as const)(
    'who leads to %s is told F00 (a %s), and packets go where they went',
    async (_, relation, prefix) => {
      await node.opened.node.routes.add({ prefix: 'test.static', peerId: 'shop' }, BY)
      const { id, peer } = await joinMallory({ relation })
      const speaker = relation === 'child' ? `test.node.${id}` : `test.${id}`
      expect(codeOf(await tell(peer, speaker, [prefix]))).toBe('F00')
      for (const destination of ['test.node.shop', 'test.node.shop.till', 'test.static.part.x']) {
        const heard = shop.heard.length
        expect(codeOf(await honest.pay(preparePaying(destination, { amount: 1n })))).toBe('fulfill')
        expect(shop.heard).toHaveLength(heard + 1)
      }
      expect(codeOf(await honest.pay(preparePaying('test.node.pay.x', { amount: 1n })))).toBe('F02')
      // Soon after a start it may be T01: somebody could still tell a route.
      expect(codeOf(await honest.pay(preparePaying('g.bank.x', { amount: 1n })))).toMatch(/^(F02|T01)$/)
      expect(peer.heard).toEqual([])
    },
  )

  test('nonsense in the place of an update: F00, and no route is there for it', async () => {
    const { id, peer } = await joinMallory({ relation: 'peer' })
    const speaker = `test.${id}`
    const ask = (data: Buffer) =>
      peer.pay(peerRequest({ destination: CCP_UPDATE, data, nowMs: Date.now(), waitMs: 5_000 }))
    const before = (await node.opened.node.routes.list({ limit: 1_000 })).length
    const nonsense = [Buffer.alloc(0), randomBytes(200), Buffer.alloc(32_000, 0xff)]
    expect(countCodes(await Promise.all(nonsense.map(ask)))).toEqual({ F00: 3 })
    const wrong: Partial<CcpUpdate>[] = [
      { fromEpoch: 5, toEpoch: 2 },
      { toEpoch: 9 },
      { fromEpoch: 4_000_000_000, toEpoch: 4_000_000_001, currentEpoch: 4_000_000_001 },
    ]
    for (const changes of wrong)
      expect(codeOf(await tell(peer, speaker, [`${speaker}.a`], changes))).toBe('F00')
    expect(codeOf(await tell(peer, 'test.node', ['test.far']))).toBe('F00')
    const paths = {
      newRoutes: [
        routeTo(
          'test.far',
          Array.from({ length: 40 }, () => speaker),
        ),
      ],
    }
    expect(codeOf(await tell(peer, speaker, [], paths))).toBe('F00')
    expect(await node.opened.node.routes.list({ limit: 1_000 })).toHaveLength(before)
  })

  test('a route that leads back to who sent the packet is none: F02', async () => {
    const { id, peer } = await joinMallory({ relation: 'peer' })
    expect(codeOf(await tell(peer, `test.${id}`, [`test.${id}`]))).toBe('fulfill')
    expect(codeOf(await honest.pay(preparePaying(`test.${id}.x`)))).toBe('fulfill')
    expect(codeOf(await peer.pay(preparePaying(`test.${id}.x`)))).toBe('F02')
  })

  test('a packet that two peers send round in circles comes to an end, and nobody owes anything', async () => {
    let rounds = 0
    const back: { peer?: HostilePeer } = {}
    const answer: AnswerPrepare = async (prepare) => {
      rounds++
      return (await back.peer?.pay({ ...prepare, destination: prepare.destination })) ?? 'silence'
    }
    const { id, peer } = await joinMallory({ relation: 'peer', answer, limits: { maxReceivable: 100_000n } })
    const other = await joinMallory({ limits: { maxReceivable: 100_000n } })
    back.peer = other.peer
    expect(codeOf(await tell(peer, `test.${id}`, [`test.${id}`]))).toBe('fulfill')
    const prepare = preparePaying(`test.${id}.x`)
    expect(codeOf(await honest.pay(prepare))).toMatch(/^(R02|R00|T03)$/)
    expect(rounds).toBeGreaterThan(1)
    // Each round takes the time that we keep for ourselves.
    expect(rounds).toBeLessThanOrEqual((HOLD_SECONDS * 1_000) / WINDOW_MS)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
    expect(await balanceOf(`assets/peer/${other.id}`)).toBe(0n)
  })
})

describe('reconciliation', () => {
  const question = (prepares: readonly IlpPrepare[], type: 'question' | 'refusal' = 'question'): Buffer =>
    encodePacketList({
      type,
      packets: prepares.map((prepare) => ({ id: packetIdOf(prepare), expiresAtMs: prepare.expiresAtMs })),
    })

  async function ask(peer: HostilePeer, data: Buffer): Promise<Buffer | undefined> {
    const frame = await peer.ask(RECONCILE_PROTOCOL, data)
    return frame === undefined ? undefined : dataIn(frame, RECONCILE_PROTOCOL)
  }

  const statesOf = async (peer: HostilePeer, prepares: readonly IlpPrepare[]) => {
    const answers = decodeAnswers((await ask(peer, question(prepares)))!, prepares.length)
    return answers.ok ? answers.value.map(({ state }) => state) : answers.refusal
  }

  const refuse = async (peer: HostilePeer, prepares: readonly IlpPrepare[]) => {
    const settled = decodeAcknowledgement((await ask(peer, question(prepares, 'refusal')))!, prepares.length)
    return settled.ok ? settled.value : settled.refusal
  }

  test('who asks for packets of others hears of none, and refusing them changes nothing', async () => {
    const ofHonest = preparePaying('test.node.shop', { amount: 100n })
    await honest.pay(ofHonest)
    const owed = await balanceOf('assets/peer/honest')
    const { id, peer } = await joinMallory()
    expect(await statesOf(peer, [ofHonest])).toEqual(['none'])
    await refuse(peer, [ofHonest])
    expect(await balanceOf('assets/peer/honest')).toBe(owed)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
    expect(await statesOf(honest, [ofHonest])).toEqual(['fulfilled'])
  })

  test('pages that are too long, lists that are none and floods of questions get nothing or a little', async () => {
    const { peer } = await joinMallory()
    const page = Array.from({ length: 1_001 }, () => preparePaying('test.node.shop'))
    const full = question(page.slice(0, 1_000))
    const short = full.subarray(0, -1)
    const lying = Buffer.from(full)
    lying.writeUInt16BE(65_535, 2)
    for (const data of [
      question(page),
      short,
      lying,
      Buffer.alloc(0),
      randomBytes(500),
      Buffer.alloc(100_000, 2),
    ])
      expect(await ask(peer, data)).toBeUndefined()
    const flood = await Promise.all(Array.from({ length: 200 }, () => ask(peer, full)))
    const answered = flood.filter((answer) => answer !== undefined).length
    expect(answered).toBeGreaterThanOrEqual(1)
    expect(answered).toBeLessThan(100)
  })

  test('promises to one peer leave room for those to another, however much it asks', async () => {
    const { peer } = await joinMallory()
    for (let page = 0; page < 21; page++) {
      const packets = Array.from({ length: 1_000 }, () => ({
        id: randomBytes(16).toString('hex'),
        expiresAtMs: Date.now() + 60_000,
      }))
      await ask(peer, encodePacketList({ type: 'question', packets }))
    }
    expect(await statesOf(honest, [preparePaying('test.node.shop')])).toEqual(['none'])
  })

  test('who refuses what was fulfilled gets rid of a tenth of what it may owe each day, and no more', async () => {
    const { id, peer } = await joinMallory()
    const packets = Array.from({ length: 10 }, () => preparePaying('test.node.shop'))
    const replies = await Promise.all(packets.map((packet) => peer.pay(packet)))
    expect(countCodes(replies)).toEqual({ fulfill: 10 })
    const settled = await refuse(peer, packets)
    expect(settled).toEqual([true, ...Array.from({ length: 9 }, () => false)])
    expect(await balanceOf(`assets/peer/${id}`)).toBe(9_000n)
    expect(await balanceOf(`expenses/routing-loss/${id}`)).toBe(1_000n)
    // Once more, all at once, and over a new connection.
    await peer.close()
    const again = await connectAgain(id)
    expect(await refuse(again, packets)).toEqual(settled)
    expect(await refuse(again, [packets[1]!, packets[1]!, packets[0]!])).toEqual([false, false, true])
    await vi.waitFor(async () => expect(await factsOf(id)).toMatchObject({ balance: 9_000n }), PATIENCE)
    expect(
      countCodes(await Promise.all([1, 2].map(() => again.pay(preparePaying('test.node.shop'))))),
    ).toEqual({
      fulfill: 1,
      T04: 1,
    })
    expect(await balanceOf(`expenses/routing-loss/${id}`)).toBe(1_000n)
    expect(await balanceOf(`assets/peer/${id}`)).toBe(10_000n)
  })

  test('a packet that was said to have come to nothing is not taken any more', async () => {
    const { id, peer } = await joinMallory()
    const packet = preparePaying('test.node.shop')
    expect(await statesOf(peer, [packet])).toEqual(['none'])
    expect(codeOf(await peer.pay(packet))).toBe('R00')
    expect(await balanceOf(`assets/peer/${id}`)).toBe(0n)
  })
})

/** What is no Prepare, in the place of one. */
function garbageBeside(good: Buffer): readonly Buffer[] {
  return [
    Buffer.alloc(0),
    Buffer.from([12]),
    randomBytes(300),
    good.subarray(0, -1),
    Buffer.from([12, 0x84, 0xff, 0xff, 0xff, 0xff]),
    encodeIlpPacket(fulfilling({ data: randomBytes(32) })),
    encodeIlpPacket({ type: 'reject', code: 'F00', triggeredBy: '', message: '', data: Buffer.alloc(0) }),
    encodeIlpPacket(preparePaying('no address')),
  ]
}
