import fc from 'fast-check'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import type { createManualClock } from '../../kernel/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { createSettlement, type PartySource, type Settlement } from '../index.ts'
import { stubNetwork } from '../stub/testing/index.ts'
import { paying, testLedger } from '../testing/test-node.ts'
import {
  type ApiAnswer,
  type ApiRequest,
  createAccountingApi,
  createEngineApi,
  createExternalRail,
} from './index.ts'
import { convertScale } from './quantity.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const logger = pino({ level: process.env.STOA_TEST_LOG ?? 'silent' })
const SCALE = 6
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

test('however an amount is cut into settlements of whatever scales, nothing of it is lost', () => {
  const piece = fc.record({ amount: fc.bigInt(0n, 10n ** 30n), scale: fc.integer({ min: 0, max: 255 }) })
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.integer({ min: 0, max: 255 }), (pieces, scale) => {
      let leftover = 0n
      let whole = 0n
      for (const one of pieces) {
        const converted = convertScale(one, leftover, scale)
        leftover = converted.leftover
        whole += converted.whole
      }
      const finest = (amount: bigint, of: number) => amount * 10n ** BigInt(255 - of)
      const sum = pieces.reduce((total, one) => total + finest(one.amount, one.scale), 0n)
      expect(finest(whole, scale) + leftover).toBe(sum)
      expect(leftover).toBeLessThan(finest(1n, scale))
    }),
  )
})

/** A server that exists only as a function; every `loses`-th answer is lost behind the deed. */
function served(handle: (request: ApiRequest) => Promise<ApiAnswer>, loses = 0): typeof fetch {
  let count = 0
  return async (url, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers).entries())
    const body = Buffer.from(await new Response(init?.body).arrayBuffer())
    const path = new URL(String(url)).pathname
    const answer = await handle({ method: init?.method ?? 'GET', path, headers, body })
    count += 1
    if (loses > 0 && count % loses === 0) throw new Error('the connection was reset')
    const text = answer.body === undefined ? null : new Uint8Array(Buffer.from(answer.body))
    return new Response(text, { status: answer.status })
  }
}

async function ledgerOn(clock: ReturnType<typeof createManualClock>) {
  const database = await testDatabase()
  const ledger = testLedger(database, clock)
  cleanups.push(
    () => database.close(),
    () => ledger.stop(),
  )
  return { db: database.db, ledger, clock, logger }
}

/** A connector that settles with its one peer by an engine of somebody else's, and that engine on a wallet of the stub. */
async function connectorWithEngine(
  network: ReturnType<typeof stubNetwork>,
  who: 'alice' | 'bob',
  peerId: string,
  loses: number,
) {
  const { clock } = network
  const books = await ledgerOn(clock)
  const engineBooks = await ledgerOn(clock)
  const connector: { handle: (request: ApiRequest) => Promise<ApiAnswer> } = {
    handle: async () => ({ status: 503 }),
  }
  const engine = createEngineApi({
    ...engineBooks,
    rail: 'stub',
    asset: 'usdc',
    scale: SCALE,
    connector: { url: 'http://connector', fetch: served((request) => connector.handle(request), loses) },
  })
  const engineSettlement = createSettlement({
    ...engineBooks,
    rails: [network.openRail(who)],
    parties: [engine.source],
  })
  const rail = createExternalRail({
    name: 'far',
    asset: 'usdc',
    scale: SCALE,
    url: 'http://engine',
    fetch: served((request) => engine.handle(engineSettlement, request), loses),
  })
  const terms = { name: peerId, asset: 'usdc', rail: 'far', threshold: 1_000n, target: 0n } as const
  const source: PartySource = {
    kind: 'peer',
    find: (name) => (name === peerId ? terms : undefined),
    list: () => [terms],
    ask: async () => undefined,
    onBooked: () => {},
  }
  const settlement = createSettlement({ ...books, rails: [rail], parties: [source] })
  return {
    rail,
    settlement,
    engineSettlement,
    ledger: books.ledger,
    engine,
    connectTo: (other: { readonly settlement: Settlement }, asWhom: string) => {
      connector.handle = createAccountingApi({
        settlement,
        rail: 'far',
        scale: SCALE,
        findPeer: source.find,
        sendMessage: (_, message) => other.settlement.answer(`peer/${asWhom}`, message),
        clock,
      })
    },
    ask: (request: ApiRequest) => connector.handle(request),
    balance: async () =>
      (await books.ledger.balance({ path: `assets/peer/${peerId}`, asset: 'usdc' })).balance,
  }
}

test('two connectors settle by engines that are not theirs, though every third answer is lost, and both books agree', async () => {
  const network = stubNetwork()
  cleanups.push(() => network.dispose())
  await network.fund('alice', 10_000n)
  const left = await connectorWithEngine(network, 'alice', 'right', 3)
  const right = await connectorWithEngine(network, 'bob', 'left', 3)
  left.connectTo(right, 'left')
  right.connectTo(left, 'right')
  const limit = AbortSignal.timeout(30_000)
  for (let tries = 0; tries < 3; tries++) {
    await left.rail.setUp('peer/right', limit).catch(() => {})
    await right.rail.setUp('peer/left', limit).catch(() => {})
  }
  expect(await left.settlement.settle('peer/right', paying(700n))).toMatchObject({ ok: true })
  for (let round = 0; round < 15; round++) {
    network.clock.advanceMs(4_000_000)
    for (const one of [left, right]) {
      await one.settlement.flush().catch(() => {})
      await one.engineSettlement.flush().catch(() => {})
      await one.engine.tell()
    }
    await network.finalise()
  }
  expect(await left.balance()).toBe(700n)
  expect(await right.balance()).toBe(-700n)
  const paid = network.chain.read().state.history.map(({ transaction: { action } }) => action)
  expect(paid).toMatchObject([{ kind: 'pay', amount: 700n }])
})

test('a settlement is credited once for its key; another amount under it, or no key, is refused', async () => {
  const network = stubNetwork()
  cleanups.push(() => network.dispose())
  const node = await connectorWithEngine(network, 'alice', 'right', 0)
  node.connectTo(node, 'right')
  const post = (amount: string, scale: number, key: string | undefined) =>
    node.ask({
      method: 'POST',
      path: '/accounts/right/settlements',
      headers: { 'idempotency-key': key },
      body: Buffer.from(JSON.stringify({ amount, scale })),
    })
  const together = await Promise.all(Array.from({ length: 10 }, () => post('1500', 9, 'one')))
  expect(together.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201))
  expect(await node.balance()).toBe(-1n)
  // Half a unit was left over, and this is the other half.
  expect(await post('500', 9, 'two')).toMatchObject({ status: 201 })
  expect(await node.balance()).toBe(-2n)
  expect(await post('1501', 9, 'one')).toMatchObject({ status: 409 })
  expect(await post('1', 6, undefined)).toMatchObject({ status: 400 })
  expect(await post('-1', 6, 'three')).toMatchObject({ status: 400 })
  expect(await post('1', 256, 'three')).toMatchObject({ status: 400 })
  const unknown = await node.ask({
    method: 'POST',
    path: '/accounts/nobody/settlements',
    headers: { 'idempotency-key': 'four' },
    body: Buffer.from('{"amount":"1","scale":6}'),
  })
  expect(unknown).toMatchObject({ status: 404 })
  expect(await node.balance()).toBe(-2n)
})
