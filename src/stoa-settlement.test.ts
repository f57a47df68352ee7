import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { defaultConfig } from './config/index.ts'
import { systemClock } from './kernel/index.ts'
import { createLedger, type LedgerService } from './ledger/index.ts'
import { createMemoryBus } from './platform/bus/index.ts'
import type { Database } from './platform/database/index.ts'
import { testDatabase } from './platform/database/testing/index.ts'
import { createStubRail, openStubChain } from './settlement/stub/index.ts'
import {
  addAccountingRoutes,
  type NodeSettlement,
  openNodeSettlement,
  type SettlingNode,
} from './stoa-settlement.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const TOKEN = 't'.repeat(40)
const folder = mkdtempSync(join(tmpdir(), 'stoa-settlement-'))
const logger = pino({ level: 'silent' })
const booked: { readonly peer: string; readonly change: bigint }[] = []

let database: Database
let ledger: LedgerService
let app: FastifyInstance
let url: string
let settlement: NodeSettlement | undefined
/** The process is the node: it leads, and the node is open. */
let is = { open: true, leading: true }

function peer(id: string, rail: string): ReturnType<SettlingNode['peers']>[number] {
  return {
    id,
    relation: 'peer',
    asset: 'usdc',
    link: { kind: 'btp-client', url: 'wss://x.example', token: 't' },
    limits: {
      maxReceivable: 10n ** 9n,
      maxPayable: 10n ** 9n,
      maxPacketAmount: 10n ** 6n,
      maxPacketsPerSecond: 100,
      maxInFlight: 100,
      minMessageWindowMs: 1_000,
    },
    settlement: { rail, threshold: 10n ** 9n, target: 0n },
    exchangesRoutes: false,
  }
}

const peers = [peer('bob', 'engine'), peer('carol', 'stub')]
const node: SettlingNode = {
  peers: () => peers,
  peerTermsOf: (id) => peers.find((terms) => terms.id === id),
  askPeer: async (_, _protocol, data) => Buffer.concat([Buffer.from('heard '), data]),
  noteBooked: (name, change) => void booked.push({ peer: name, change }),
}

beforeAll(async () => {
  database = await testDatabase()
  ledger = createLedger({ db: database.db, bus: createMemoryBus(), clock: systemClock, logger })
  app = Fastify()
  await addAccountingRoutes(app, { token: TOKEN, api: () => settlement?.accountingApi })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
beforeEach(() => {
  is = { open: true, leading: true }
  booked.length = 0
  const config = defaultConfig()
  settlement = openNodeSettlement({
    config: {
      ...config,
      data: { ...config.data, dir: folder },
      interledger: { ...config.interledger, asset: 'usdc' },
      settlement: { stubChain: 'chain', engineUrl: 'http://127.0.0.1:1', engineToken: TOKEN },
    },
    db: database.db,
    ledger,
    node: () => (is.open ? node : undefined),
    isLeading: async () => is.leading,
    secret: Buffer.alloc(32, 9),
    logger,
  })
})
afterEach(() => settlement?.stop())
afterAll(async () => {
  await app.close()
  await ledger.stop()
  await database.close()
  rmSync(folder, { recursive: true })
})

const owed = async (name: string) =>
  (await ledger.balance({ path: `assets/peer/${name}`, asset: 'usdc' })).balance

function settle(
  account: string,
  { key = 'one', amount = '1500', authorization = `Bearer ${TOKEN}` as string | undefined } = {},
): Promise<Response> {
  return fetch(`${url}/settlement/accounts/${account}/settlements?from=engine`, {
    method: 'POST',
    headers: {
      'idempotency-key': key,
      'content-type': 'application/json',
      ...(authorization && { authorization }),
    },
    body: JSON.stringify({ amount, scale: 6 }),
  })
}

test('an engine without its token is told nothing, not even whether there is an account or a node', async () => {
  is.open = false
  for (const account of ['bob', 'nobody']) {
    for (const authorization of ['', 'Bearer ', `Bearer ${TOKEN}x`, TOKEN]) {
      const answer = await settle(account, { authorization })
      expect(answer.status).toBe(401)
      expect(await answer.json()).toMatchObject({ error: { code: 'NOT_AUTHORIZED' } })
    }
  }
  expect(await owed('bob')).toBe(0n)
})

test('what an engine has received is credited once for its key, whoever repeats it', async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => settle('bob')))
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201])
  expect(answers[0]?.headers.get('content-type')).toContain('application/json')
  const credited = await owed('bob')
  expect(credited).toBeLessThan(0n)
  expect(booked).toEqual([{ peer: 'bob', change: credited }])
  expect((await settle('bob', { amount: '1501' })).status).toBe(409)
  expect((await settle('bob', { key: 'two', amount: '-1' })).status).toBe(400)
  expect(await owed('bob')).toBe(credited)
})

test('an account that does not settle by the engine is unknown', async () => {
  for (const account of ['nobody', 'carol', 'bob%2F..%2Fcarol']) {
    expect((await settle(account)).status).toBe(404)
  }
  expect(await owed('carol')).toBe(0n)
})

test('a message is brought to the peer, and its answer back as it is', async () => {
  const answer = await fetch(`${url}/settlement/accounts/bob/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' },
    body: new Uint8Array([104, 105, 0, 255]),
  })
  expect(answer.status).toBe(201)
  expect(answer.headers.get('content-type')).toBe('application/octet-stream')
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from('heard hi\0\xff', 'latin1'))
})

test('a process that is not the node, or not any more, says to come again, and never that an account is unknown', async () => {
  const before = await owed('bob')
  is.open = false
  expect((await settle('bob', { key: 'later' })).status).toBe(503)
  is = { open: true, leading: false }
  expect((await settle('bob', { key: 'later' })).status).toBe(503)
  await settlement?.stop()
  settlement = undefined
  expect((await settle('bob', { key: 'later' })).status).toBe(503)
  expect(await owed('bob')).toBe(before)
})

test('a payment that comes while the node is not open is credited to its peer when it is', async () => {
  const chain = openStubChain(join(folder, 'chain'), { asset: 'usdc' })
  const carol = createStubRail({ asset: 'usdc', chain, secret: Buffer.alloc(32, 7) })
  chain.mint(carol.info.address, 1_000n)
  const ours = createStubRail({ asset: 'usdc', chain, secret: Buffer.alloc(32, 9) }).info.address
  const limit = AbortSignal.timeout(10_000)
  const order = { kind: 'pay', to: `${ours}+peer.carol`, amount: 700n } as const
  const signed = await carol.sign(order, { key: 'x', others: [] }, limit)
  if (!signed.ok) throw new Error(signed.refusal.text)
  await carol.send(signed.value, limit)
  for (let block = 0; block < 5; block++) chain.mine(systemClock.nowMs())

  is.open = false
  await expect(settlement?.settlement.flush()).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' })
  settlement?.notePackets('carol')
  expect(await settlement?.answer('carol', Buffer.from('{}'))).toBeUndefined()
  is.open = true
  await settlement?.settlement.flush()
  expect(await owed('carol')).toBe(-700n)
  expect(booked).toEqual([{ peer: 'carol', change: -700n }])
})
