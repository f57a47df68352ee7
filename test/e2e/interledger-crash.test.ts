/**
 * Three Interledger nodes in three processes, A–B–C, B exchanging between two assets. B is killed again and again while
 * payments of many small packets go both ways. In the end all books agree, and none of the packets that receivers were
 * credited for is forgotten. `STOA_LONG=1`: 100,000 packets and ten kills.
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
const KILLS = isLong ? 10 : 4
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
const BEGIN_AGAIN_MS = 100
const PATIENCE = { timeout: 90_000, interval: 100 }
const KEY = 'ab'.repeat(32)

let databases: Database[] = []
let nodes: NodeProcess[] = []
beforeEach(() => {
  databases = []
  nodes = []
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

interface Chain {
  readonly a: NodeProcess
  readonly b: NodeProcess
  readonly c: NodeProcess
}

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
      const paid = await from.pay({ key, to: `http://${to.authority}/pay/${KEY}`, asset, send: String(left) })
      reports.push(paid)
      if (paid.state !== 'done') await delay(BEGIN_AGAIN_MS)
      left -= BigInt(paid.sent)
    }
    return reports
  })
  return (await Promise.all(payments)).flat()
}

/** Kills B while packets are under way, each time after a random part of them, and starts it again. */
async function killRepeatedly(b: NodeProcess, isOver: () => boolean): Promise<number> {
  let kills = 0
  for (; kills < KILLS; kills++) {
    const after = Math.floor(((1 + Math.random()) * PACKETS) / KILLS / 2)
    while ((await b.report()).fulfilled < after) {
      if (isOver()) return kills
      await delay(20)
    }
    await b.kill()
    if (kills % 3 === 2) await delay(LONG_PAUSE_MS)
    await b.start()
  }
  return kills
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

test('whenever the node in the middle is killed, in the end all books agree and no fulfilled packet is forgotten', async () => {
  const { a, b, c } = await startChain()
  let isOver = false
  const paying = Promise.all([
    payAll({ from: a, to: c, asset: 'drop' }),
    payAll({ from: c, to: a, asset: 'usdc' }),
  ]).finally(() => {
    isOver = true
  })
  const startedMs = performance.now()
  const secondsSoFar = () => Math.round(performance.now() - startedMs) / 1_000
  const [kills] = await Promise.all([killRepeatedly(b, () => isOver), paying])
  const paidAfterSeconds = secondsSoFar()
  expect(kills).toBe(KILLS)
  const [byA, byC] = await paying
  const reports = await settled()
  const settledAfterSeconds = secondsSoFar()

  const drops = (node: NodeProcess, path: string) => node.balance({ path, asset: 'drop' })
  const dollars = (node: NodeProcess, path: string) => node.balance({ path, asset: 'usdc' })
  const books = {
    a: await amountsOf((path) => drops(a, path)),
    bToA: await drops(b, 'assets/peer/a'),
    bToC: await dollars(b, 'assets/peer/c'),
    bLostToA: await drops(b, 'expenses/routing-loss/a'),
    bLostToC: await dollars(b, 'expenses/routing-loss/c'),
    c: await amountsOf((path) => dollars(c, path)),
  }
  if (isLong)
    console.log({ kills, paidAfterSeconds, settledAfterSeconds, payments: [byA.length, byC.length], books })

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
  expect(books.a.peer).toBe(books.a.credited - books.a.paid - books.a.lost)
  expect(books.c.peer).toBe(books.c.credited - books.c.paid - books.c.lost)
  // What payers were charged is what their payments say, and all of it was paid.
  expect(books.a.paid).toBe(sum(byA.map(({ sent }) => sent)))
  expect(books.c.paid).toBe(sum(byC.map(({ sent }) => sent)))
  const packetsEachWay = BigInt(PACKETS / 2)
  expect(books.a.paid).toBe(packetsEachWay * PACKET_AMOUNTS.drop)
  expect(books.c.paid).toBe(packetsEachWay * PACKET_AMOUNTS.usdc)
  // Each packet that a receiver was credited for was paid by its sender, or stands as a loss with whom it was late at.
  expect(books.c.credited).toBe(((books.a.paid + books.bLostToA) * 499n) / 1_000n + books.c.lost)
  expect(books.a.credited).toBe(((books.c.paid + books.bLostToC) * 1_996n) / 1_000n + books.a.lost)
  // No payer was told of more than has arrived.
  expect(sum(byA.map(({ delivered }) => delivered))).toBeLessThanOrEqual(books.c.credited)
  expect(sum(byC.map(({ delivered }) => delivered))).toBeLessThanOrEqual(books.a.credited)
})

interface Amounts {
  /** What B owes; negative: what is owed to B. */
  readonly peer: bigint
  readonly paid: bigint
  readonly credited: bigint
  /** Fulfilled here, and refused by B because it came too late. */
  readonly lost: bigint
}

/** Of a node at an end of the chain. */
async function amountsOf(balance: (path: string) => Promise<bigint>): Promise<Amounts> {
  return {
    peer: await balance('assets/peer/b'),
    paid: await balance('expenses/payments'),
    credited: await balance(`liabilities/credit/${KEY}`),
    lost: await balance('expenses/routing-loss/b'),
  }
}

function sum(amounts: readonly string[]): bigint {
  return amounts.reduce((total, amount) => total + BigInt(amount), 0n)
}
