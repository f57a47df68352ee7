/**
 * A whole node against official software: `ilp-protocol-stream` over `ilp-plugin-btp` is a child of the node, gets its
 * address from it, pays and is paid. What the two sides believe of the money agrees, over a good line and over a bad one.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import btp from 'ilp-plugin-btp'
import {
  type Connection,
  createConnection,
  createServer,
  type DataAndMoneyStream,
  type Server,
} from 'ilp-protocol-stream'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  addPeer,
  peerTerms,
  startTestNode,
  type TestNode,
  tokenHashOf,
} from '../../src/interledger/node/testing/index.ts'
import type { Asset } from '../../src/kernel/index.ts'
import { testDatabase } from '../../src/platform/database/testing/index.ts'
import { type BtpProxy, type BtpProxyOptions, startBtpProxy } from './btp-proxy.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

// Its types describe an ES module, and it is none.
const BtpPlugin = btp.default
type Plugin = InstanceType<typeof BtpPlugin>

const BY = { actor: 'cli', role: 'cli' }
const KEY = 'ab'.repeat(32)
const TOKEN = 'a-token-that-nobody-guesses'
const AMOUNT = 500_000n
/** Payments take at least twenty-five packets. */
const MAX_PACKET = 20_000n

/** What the child counts in; the node's receivers count in drops. A dollar is two XRP, less the spread of 0.2 %. */
const ASSETS: readonly { readonly name: string; readonly asset: Asset; readonly perUnit: number }[] = [
  { name: 'in the asset of the node', asset: 'drop', perUnit: 1 },
  { name: 'in another asset', asset: 'usdc', perUnit: 1.996 },
]

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

/** A node with a child `kid`, who is still to come. */
async function startParent(asset: Asset): Promise<TestNode> {
  const database = await testDatabase({ poolSize: 4 })
  stops.push(() => database.close())
  // Packets that are lost on the way are waited for so long.
  const settings = { address: 'test.node', maxHoldSeconds: 2 }
  const node = await startTestNode({ database, settings })
  stops.push(() => node.stop())
  const terms = peerTerms('kid', asset, { kind: 'btp-server', tokenHash: tokenHashOf(TOKEN) })
  const limits = { ...terms.limits, maxPacketAmount: MAX_PACKET }
  await addPeer(node.opened, { ...terms, relation: 'child', limits })
  return node
}

async function connectKid(host: string): Promise<Plugin> {
  const plugin = new BtpPlugin({
    server: `btp+ws://${host}/btp`,
    btpAccount: 'kid',
    btpToken: TOKEN,
    // Without it, what is lost costs 35 s.
    responseTimeout: 1_000,
  })
  stops.push(() => plugin.disconnect())
  await plugin.connect()
  return plugin
}

const hostOf = ({ port }: TestNode): string => `127.0.0.1:${port}`

async function startBadLine(node: TestNode, options: Omit<BtpProxyOptions, 'server'>): Promise<BtpProxy> {
  const proxy = await startBtpProxy({ server: `ws://${hostOf(node)}/btp`, ...options })
  stops.push(() => proxy.stop())
  return proxy
}

const balanceOf = async ({ ledger }: TestNode, path: string, asset: Asset) =>
  (await ledger.balance({ path, asset })).balance

async function expectBalancedBooks({ ledger }: TestNode): Promise<void> {
  for (const line of await ledger.trialBalance()) {
    expect(line.debits).toBe(line.credits)
    expect(line.wrongBalances).toBe(0)
  }
}

/** What a payer learns of a payment pointer. */
async function readCredentials(node: TestNode) {
  const response = await fetch(`${node.url}/pay/${KEY}`, { headers: { accept: 'application/spsp4+json' } })
  // Our own answer; `spsp.test.ts` holds its shape.
  const details = (await response.json()) as {
    readonly destination_account: string
    readonly shared_secret: string
  }
  return {
    destinationAccount: details.destination_account,
    sharedSecret: Buffer.from(details.shared_secret, 'base64'),
  }
}

async function connectStream(plugin: Plugin, node: TestNode): Promise<Connection> {
  const connection = await createConnection({ plugin, ...(await readCredentials(node)) })
  // A packet without an answer ends a connection of this package; whoever sends hears of it.
  connection.on('error', () => undefined)
  return connection
}

/** An official receiver behind the plugin, and the page that tells how it is paid. */
async function startReceiver(plugin: Plugin) {
  const server = await createServer({ plugin, serverSecret: randomBytes(32) })
  stops.push(() => server.close())
  const streams: DataAndMoneyStream[] = []
  server.on('connection', (connection: Connection) => {
    connection.on('error', () => undefined)
    connection.on('stream', (stream: DataAndMoneyStream) => {
      stream.setReceiveMax('1000000000')
      streams.push(stream)
    })
  })
  return {
    server,
    url: await serveSpsp(server),
    received: () => streams.reduce((sum, { totalReceived }) => sum + BigInt(totalReceived), 0n),
  }
}

async function serveSpsp(server: Server): Promise<string> {
  const http = createHttpServer((_request, response) => {
    const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
    response.setHeader('content-type', 'application/spsp4+json')
    response.end(
      JSON.stringify({
        destination_account: destinationAccount,
        shared_secret: sharedSecret.toString('base64'),
      }),
    )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  stops.push(() => http.close())
  // A TCP server's address is an AddressInfo.
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/`
}

describe.each(ASSETS)('a child that counts $name', ({ asset, perUnit }) => {
  test('is given its address, and pays a key by the official sender', async () => {
    const node = await startParent(asset)
    const plugin = await connectKid(hostOf(node))
    const connection = await connectStream(plugin, node)
    const stream = connection.createStream()
    await stream.sendTotal(AMOUNT.toString(), { timeout: 20_000 })
    await connection.end()
    expect(connection.sourceAccount).toBe('test.node.kid')
    expect(connection.totalSent).toBe(AMOUNT.toString())
    expect(await balanceOf(node, 'assets/peer/kid', asset)).toBe(AMOUNT)
    const credit = await balanceOf(node, `liabilities/credit/${KEY}`, 'drop')
    expect(connection.totalDelivered).toBe(credit.toString())
    expect(Number(credit) / Number(AMOUNT)).toBeCloseTo(perUnit, 3)
    await expectBalancedBooks(node)
  })

  test('is paid by our payments desk through the official receiver', async () => {
    const node = await startParent(asset)
    const receiver = await startReceiver(await connectKid(hostOf(node)))
    const request = { to: receiver.url, asset: 'drop', send: AMOUNT } as const
    const quote = await node.opened.node.payments.quote(request)
    expect(quote).toMatchObject({ ok: true, value: { send: AMOUNT } })
    const paid = await node.opened.node.payments.pay({ key: 'p', ...request }, BY)
    if (!paid.ok) throw new Error(paid.refusal.text)
    const { sent, delivered, state } = paid.value
    expect({ sent, state }).toEqual({ sent: AMOUNT, state: 'done' })
    expect(receiver.received()).toBe(delivered)
    expect(await balanceOf(node, 'assets/peer/kid', asset)).toBe(-delivered)
    expect(await balanceOf(node, 'expenses/payments', 'drop')).toBe(AMOUNT)
    const fromDrops = perUnit === 1 ? 1 : 0.499
    expect(Number(delivered) / Number(AMOUNT)).toBeCloseTo(fromDrops, 3)
    await expectBalancedBooks(node)
  })
})

/** Says yes for these, by their place in the order of asking. */
function atTimes(...times: readonly number[]): () => boolean {
  let asked = 0
  return () => times.includes(++asked)
}

function jitter(): () => number {
  let asked = 0
  return () => [1, 12, 3, 7][asked++ % 4]!
}

describe.each(ASSETS)('over a line that loses and breaks, a child that counts $name', ({ asset }) => {
  test('pays by the official sender, and owes what was fulfilled; what the line lost is all they differ by', async () => {
    const node = await startParent(asset)
    const [isPrepareLost, isFulfillLost, isCut] = [atTimes(7), atTimes(12), atTimes(18)]
    const proxy = await startBadLine(node, {
      delayMs: jitter(),
      fateOf: ({ type, to }) => {
        if (type === 'prepare') return to === 'server' && isPrepareLost() ? 'drop' : 'pass'
        if (isFulfillLost()) return 'drop'
        return isCut() ? 'cut' : 'pass'
      },
    })
    let sent = 0n
    let delivered = 0n
    // This package gives a connection and its plugin up at the first packet without an answer: whoever wants to pay
    // begins again with what is left.
    for (let attempt = 0; sent < AMOUNT; attempt++) {
      expect(attempt).toBeLessThan(10)
      const connection = await connectStream(await connectKid(proxy.host), node)
      const stream = connection.createStream()
      stream.on('error', () => undefined)
      await stream.sendTotal((AMOUNT - sent).toString(), { timeout: 20_000 }).catch(() => undefined)
      sent += BigInt(connection.totalSent)
      delivered += BigInt(connection.totalDelivered)
      await connection.destroy()
    }
    expect(proxy).toMatchObject({ drops: 2, cuts: 1 })
    expect(sent).toBe(AMOUNT)
    const { fulfilled, told } = proxy.totals.client
    expect(told).toBe(AMOUNT)
    // Two Fulfills were lost, which the payee had to book before it sent them.
    expect(fulfilled).toBeGreaterThan(told)
    expect(await balanceOf(node, 'assets/peer/kid', asset)).toBe(fulfilled)
    expect(await balanceOf(node, `liabilities/credit/${KEY}`, 'drop')).toBeGreaterThan(delivered)
    await expectBalancedBooks(node)
  })

  test('is paid by our payments desk, which pays each packet once and counts what it was told', async () => {
    const node = await startParent(asset)
    const [isPrepareLost, isFulfillLost, isCut] = [atTimes(4, 8), atTimes(3), atTimes(7)]
    const proxy = await startBadLine(node, {
      delayMs: jitter(),
      fateOf: ({ type, to }) => {
        if (type === 'prepare') return to === 'client' && isPrepareLost() ? 'drop' : 'pass'
        if (isFulfillLost()) return 'drop'
        return isCut() ? 'cut' : 'pass'
      },
    })
    const receiver = await startReceiver(await connectKid(proxy.host))
    const paid = await node.opened.node.payments.pay(
      { key: 'p', to: receiver.url, asset: 'drop', send: AMOUNT },
      BY,
    )
    if (!paid.ok) throw new Error(paid.refusal.text)
    expect(paid.value).toMatchObject({ state: 'done', sent: AMOUNT })
    expect(proxy).toMatchObject({ drops: 3, cuts: 1 })
    const { forwarded, told } = proxy.totals.server
    expect(paid.value.delivered).toBe(told)
    expect(await balanceOf(node, 'assets/peer/kid', asset)).toBe(-told)
    expect(await balanceOf(node, 'expenses/payments', 'drop')).toBe(AMOUNT)
    // It has received what it could not tell us any more, and nothing beyond what reached it.
    expect(receiver.received()).toBeGreaterThan(told)
    expect(receiver.received()).toBeLessThanOrEqual(forwarded)
    // The plugin does not know our reconciliation: what was given up is forgotten, as plain ILP has it.
    await vi.waitFor(
      async () => expect(await node.opened.node.stats()).toMatchObject({ unresolved: 0, inFlight: 0 }),
      { timeout: 20_000, interval: 50 },
    )
    expect(await balanceOf(node, 'assets/peer/kid', asset)).toBe(-told)
    await expectBalancedBooks(node)
  })
})
