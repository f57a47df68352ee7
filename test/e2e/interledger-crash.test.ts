/**
 * Three Interledger nodes in three processes, A–B–C, B exchanging between two assets. B is killed again and again, and A and
 * C once each, while payments of many small packets go both ways. In the end all books agree, none of the packets that
 * receivers were credited for is forgotten, and nobody has lost anything by outages that were shorter than packets live.
 * `STOA_LONG=1`: 100,000 packets and twelve kills.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  NodeProcess,
  type NodeReport,
  type PaymentReport,
  tokenHashOf,
} from '../../src/interledger/node/testing/index.ts'
import type { Database } from '../../src/platform/database/index.ts'
import { testDatabase } from '../../src/platform/database/testing/index.ts'

const isLong = process.env.STOA_LONG === '1'
/** Each is back at once; then B stays away for `LONG_PAUSE_MS`, so often. */
const SHORT_OUTAGES: readonly NodeName[] = isLong
  ? ['b', 'b', 'b', 'b', 'a', 'c', 'b', 'b', 'b']
  : ['b', 'a', 'c']
const LONG_OUTAGES = isLong ? 3 : 1
const KILLS = SHORT_OUTAGES.length + LONG_OUTAGES
const PACKETS = isLong ? 100_000 : 10_000
vi.setConfig({ testTimeout: isLong ? 900_000 : 150_000, hookTimeout: 60_000 })

const PAYMENTS_EACH_WAY = 20
const PACKETS_OF_PAYMENT = PACKETS / 2 / PAYMENTS_EACH_WAY
/**
 * What a link carries at most, so that payments are split into packets of so much: 1,000 drops become 499 micro-dollars,
 * and 500 micro-dollars 998 drops, so that nothing is lost by rounding.
 */
const PACKET_AMOUNTS = { drop: 1_000n, usdc: 500n } as const
type TestAsset = keyof typeof PACKET_AMOUNTS
/** Packets expire so soon that some of them do while B is away for `LONG_PAUSE_MS`. */
const MAX_HOLD_SECONDS = 4
const LONG_PAUSE_MS = 5_000
/**
 * Links that are back so soon are in time for all packets under way: B's window of a second and what is kept for passing
 * an answer on (0.2 s) leave as much of four seconds, and some for the asking.
 */
const HARMLESS_OUTAGE_MS = 2_000
/** So many packets may a payment have under way (`stream/congestion.ts`). */
const PACKETS_UNDER_WAY_OF_PAYMENT = 20
const MAX_UNDER_WAY_EACH_WAY = BigInt(PAYMENTS_EACH_WAY * PACKETS_UNDER_WAY_OF_PAYMENT)
const BEGIN_AGAIN_MS = 100
const PATIENCE = { timeout: 90_000, interval: 100 }
const KEY = 'ab'.repeat(32)

let databases: Database[] = []
let nodes: NodeProcess[] = []
/** Those that are down, until they are served again. */
const down = new Map<NodeProcess, Promise<void>>()
beforeEach(() => {
  databases = []
  nodes = []
  down.clear()
})
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.kill()))
  await Promise.all(databases.map((database) => database.close()))
})

interface NodeOptions {
  readonly name: string
  readonly asset: TestAsset
  readonly peers: readonly { readonly id: string; readonly asset: TestAsset; readonly url?: string }[]
}

/** With a URL it connects to the peer there, without one it waits for it. */
async function startNode({ name, asset, peers }: NodeOptions): Promise<NodeProcess> {
  const database = await testDatabase({ poolSize: 1 })
  databases.push(database)
  const node = new NodeProcess({
    databaseUrl: database.url,
    secret: randomBytes(32).toString('hex'),
    address: `test.${name}`,
    asset,
    maxHoldSeconds: MAX_HOLD_SECONDS,
    maxReconnectMs: 500,
    peers: peers.map(({ id, asset: theirs, url }) => {
      const token = `token-of-the-link-${[name, id].toSorted().join('-')}`
      return {
        id,
        relation: 'peer',
        asset: theirs,
        maxPacketAmount: String(PACKET_AMOUNTS[theirs]),
        link:
          url === undefined
            ? { kind: 'btp-server', tokenHash: tokenHashOf(token) }
            : { kind: 'btp-client', url, token },
      }
    }),
  })
  nodes.push(node)
  await node.start()
  return node
}

type NodeName = 'a' | 'b' | 'c'
type Chain = Readonly<Record<NodeName, NodeProcess>>

async function startChain(): Promise<Chain> {
  const c = await startNode({ name: 'c', asset: 'usdc', peers: [{ id: 'b', asset: 'usdc' }] })
  const b = await startNode({
    name: 'b',
    asset: 'drop',
    peers: [
      { id: 'a', asset: 'drop' },
      { id: 'c', asset: 'usdc', url: `ws://${c.authority}/btp` },
    ],
  })
  const toB = { id: 'b', asset: 'drop', url: `ws://${b.authority}/btp` } as const
  const a = await startNode({ name: 'a', asset: 'drop', peers: [toB] })
  await vi.waitFor(async () => {
    expect((await a.report()).prefixes).toContain('test.c')
    expect((await c.report()).prefixes).toContain('test.a')
  }, PATIENCE)
  return { a, b, c }
}

interface Way {
  readonly from: NodeProcess
  readonly to: NodeProcess
  readonly asset: TestAsset
}

/** A payment that ends early, because nothing leads to its receiver for a while, is begun anew with what is left. */
async function payAll({ from, to, asset }: Way): Promise<readonly PaymentReport[]> {
  const payments = Array.from({ length: PAYMENTS_EACH_WAY }, async (_, index) => {
    const reports: PaymentReport[] = []
    let left = PACKET_AMOUNTS[asset] * BigInt(PACKETS_OF_PAYMENT)
    while (left > 0n) {
      const key = `${index}-${reports.length}`
      const paid = await payOnce(from, {
        key,
        to: `http://${to.authority}/pay/${KEY}`,
        asset,
        send: String(left),
      })
      reports.push(paid)
      if (paid.state !== 'done') await delay(BEGIN_AGAIN_MS)
      left -= BigInt(paid.sent)
    }
    return reports
  })
  return (await Promise.all(payments)).flat()
}

/** What became of a payment, though its payer is killed on the way: asked again by the same key it says so. */
async function payOnce(
  from: NodeProcess,
  payment: Parameters<NodeProcess['pay']>[0],
): Promise<PaymentReport> {
  for (;;) {
    while (down.has(from)) await down.get(from)
    const paid = await from.pay(payment).catch((error: unknown) => {
      if (down.has(from)) return undefined
      throw error
    })
    if (paid !== undefined && paid.state !== 'running') return paid
    await delay(BEGIN_AGAIN_MS)
  }
}

/** Kills a node and starts it again. Returns how long it was until all links were up again. */
async function outage(node: NodeProcess, pauseMs: number): Promise<number> {
  const begunMs = performance.now()
  const back = killFor(node, pauseMs)
  down.set(node, back)
  await back
  down.delete(node)
  await vi.waitFor(async () => {
    const reports = await Promise.all(nodes.map((one) => one.report()))
    expect(reports.map(({ connectedPeers }) => connectedPeers)).toEqual([1, 2, 1])
  }, PATIENCE)
  return performance.now() - begunMs
}

async function killFor(node: NodeProcess, pauseMs: number): Promise<void> {
  await node.kill()
  await delay(pauseMs)
  await node.start()
}

interface Outages {
  readonly kills: number
  /** Of the short ones. */
  readonly longestMs: number
  /** What stood as lost when the short ones were over and settled, before the first long one. */
  readonly lossesOfShort: Losses
}

/** Each while packets are under way, after a random part of them. */
async function breakRepeatedly(chain: Chain, isOver: () => boolean): Promise<Outages> {
  let kills = 0
  let longestMs = 0
  for (const name of SHORT_OUTAGES) {
    if (!(await packetsPass(chain.b, isOver))) break
    longestMs = Math.max(longestMs, await outage(chain[name], 0))
    kills++
  }
  await vi.waitFor(async () => {
    const reports = await Promise.all(nodes.map((node) => node.report()))
    expect(reports.map(({ unresolved }) => unresolved)).toEqual([0, 0, 0])
  }, PATIENCE)
  const lossesOfShort = await lossesOf(chain)
  for (let count = 0; count < LONG_OUTAGES && (await packetsPass(chain.b, isOver)); count++) {
    await outage(chain.b, LONG_PAUSE_MS)
    kills++
  }
  return { kills, longestMs, lossesOfShort }
}

/** A random part of all packets; false when there are no more. */
async function packetsPass(b: NodeProcess, isOver: () => boolean): Promise<boolean> {
  const after = (await b.report()).fulfilled + ((1 + Math.random()) * 0.4 * PACKETS) / KILLS
  while ((await b.report()).fulfilled < after) {
    if (isOver()) return false
    await delay(20)
  }
  return true
}

/** Fulfilled there, and refused by the neighbour because it came too late. */
interface Losses {
  readonly aToB: bigint
  readonly bToA: bigint
  readonly bToC: bigint
  readonly cToB: bigint
}

const NO_LOSSES: Losses = { aToB: 0n, bToA: 0n, bToC: 0n, cToB: 0n }

async function lossesOf({ a, b, c }: Chain): Promise<Losses> {
  const loss = (node: NodeProcess, to: NodeName, asset: TestAsset) =>
    node.balance({ path: `expenses/routing-loss/${to}`, asset })
  return {
    aToB: await loss(a, 'b', 'drop'),
    bToA: await loss(b, 'a', 'drop'),
    bToC: await loss(b, 'c', 'usdc'),
    cToB: await loss(c, 'b', 'usdc'),
  }
}

/** By an outage nothing can be lost but what was under way. */
function expectNoMoreThanWasUnderWay({ aToB, bToA, bToC, cToB }: Losses, outages: number): void {
  const mostPackets = BigInt(outages) * MAX_UNDER_WAY_EACH_WAY
  for (const drops of [aToB, bToA]) expect(drops).toBeLessThanOrEqual(mostPackets * PACKET_AMOUNTS.drop)
  for (const dollars of [bToC, cToB]) expect(dollars).toBeLessThanOrEqual(mostPackets * PACKET_AMOUNTS.usdc)
}

/** All links are up, and it is known of every packet what became of it. */
async function settled(): Promise<readonly NodeReport[]> {
  return vi.waitFor(async () => {
    const reports = await Promise.all(nodes.map((node) => node.report()))
    for (const { unresolved, openPackets, inFlight } of reports)
      expect({ unresolved, openPackets, inFlight }).toEqual({ unresolved: 0, openPackets: 0, inFlight: 0 })
    return reports
  }, PATIENCE)
}

test('whichever node is killed, in the end all books agree and no fulfilled packet is forgotten', async () => {
  const chain = await startChain()
  const { a, b, c } = chain
  let isOver = false
  const paying = Promise.all([
    payAll({ from: a, to: c, asset: 'drop' }),
    payAll({ from: c, to: a, asset: 'usdc' }),
  ]).finally(() => {
    isOver = true
  })
  const startedMs = performance.now()
  const secondsSoFar = () => Math.round(performance.now() - startedMs) / 1_000
  const [outages] = await Promise.all([breakRepeatedly(chain, () => isOver), paying])
  const paidAfterSeconds = secondsSoFar()
  expect(outages.kills).toBe(KILLS)
  const [byA, byC] = await paying
  const reports = await settled()
  const settledAfterSeconds = secondsSoFar()

  const drops = (node: NodeProcess, path: string) => node.balance({ path, asset: 'drop' })
  const dollars = (node: NodeProcess, path: string) => node.balance({ path, asset: 'usdc' })
  const books = {
    a: await amountsOf((path) => drops(a, path)),
    bToA: await drops(b, 'assets/peer/a'),
    bToC: await dollars(b, 'assets/peer/c'),
    lost: await lossesOf(chain),
    c: await amountsOf((path) => dollars(c, path)),
  }
  if (isLong)
    console.log({ outages, paidAfterSeconds, settledAfterSeconds, payments: [byA.length, byC.length], books })

  expect(reports.map(({ isSound }) => isSound)).toEqual([true, true, true])
  // Neighbours agree, and what a node keeps in memory is what its ledger says.
  expect(books.a.peer).toBe(-books.bToA)
  expect(books.c.peer).toBe(-books.bToC)
  expect(reports.map(({ kept }) => kept)).toEqual([
    { b: String(books.c.peer) },
    { a: String(books.bToA), c: String(books.bToC) },
    { b: String(books.a.peer) },
  ])
  // What a receiver was credited came from the neighbour, and no money is anywhere else.
  expect(books.a.peer).toBe(books.a.credited - books.a.paid - books.lost.aToB)
  expect(books.c.peer).toBe(books.c.credited - books.c.paid - books.lost.cToB)
  // What payers were charged is what their payments say, and all of it was paid.
  expect(books.a.paid).toBe(sum(byA.map(({ sent }) => sent)))
  expect(books.c.paid).toBe(sum(byC.map(({ sent }) => sent)))
  const packetsEachWay = BigInt(PACKETS / 2)
  expect(books.a.paid).toBe(packetsEachWay * PACKET_AMOUNTS.drop)
  expect(books.c.paid).toBe(packetsEachWay * PACKET_AMOUNTS.usdc)
  // Each packet that a receiver was credited for was paid by its sender, or stands as a loss with whom it was late at.
  expect(books.c.credited).toBe(((books.a.paid + books.lost.bToA) * 499n) / 1_000n + books.lost.cToB)
  expect(books.a.credited).toBe(((books.c.paid + books.lost.bToC) * 1_996n) / 1_000n + books.lost.aToB)
  // A machine that is so slow that packets expire meanwhile has no short outages.
  const isHarmless = outages.longestMs < HARMLESS_OUTAGE_MS
  if (isHarmless) expect(outages.lossesOfShort).toEqual(NO_LOSSES)
  expectNoMoreThanWasUnderWay(outages.lossesOfShort, SHORT_OUTAGES.length)
  expectNoMoreThanWasUnderWay(books.lost, isHarmless ? LONG_OUTAGES : KILLS)
  // No payer was told of more than has arrived.
  expect(sum(byA.map(({ delivered }) => delivered))).toBeLessThanOrEqual(books.c.credited)
  expect(sum(byC.map(({ delivered }) => delivered))).toBeLessThanOrEqual(books.a.credited)
})

interface Amounts {
  /** What B owes; negative: what is owed to B. */
  readonly peer: bigint
  readonly paid: bigint
  readonly credited: bigint
}

/** Of a node at an end of the chain. */
async function amountsOf(balance: (path: string) => Promise<bigint>): Promise<Amounts> {
  return {
    peer: await balance('assets/peer/b'),
    paid: await balance('expenses/payments'),
    credited: await balance(`liabilities/credit/${KEY}`),
  }
}

function sum(amounts: readonly string[]): bigint {
  return amounts.reduce((total, amount) => total + BigInt(amount), 0n)
}
