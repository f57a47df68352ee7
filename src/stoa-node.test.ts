import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createAuditLog } from './audit/index.ts'
import { type Config, loadConfig } from './config/index.ts'
import type { NodeSettings, OpenedNode } from './interledger/node/index.ts'
import { createMemoryNode } from './interledger/node/testing/index.ts'
import { type IlpClient, refusalOf } from './interledger/rpc/index.ts'
import { AppError, accepted, systemClock } from './kernel/index.ts'
import { createLedger, type LedgerService } from './ledger/index.ts'
import { createMemoryBus } from './platform/bus/index.ts'
import type { Database } from './platform/database/index.ts'
import { testDatabase } from './platform/database/testing/index.ts'
import { createLogger } from './platform/index.ts'
import { LeaderLine } from './platform/leadership/index.ts'
import { openKeyring } from './signer/index.ts'
import { NodeRoom, type NodeRoomDeps } from './stoa-node.ts'
import { openIlpClient } from './stoa-node-client.ts'
import { type NodeSettlement, openNodeSettlement } from './stoa-settlement.ts'

const PATIENCE = { timeout: 60_000, interval: 20 }
const TOKEN = 'a-token-of-more-than-thirty-two-characters'

let folder = ''
let database: Database
let ledger: LedgerService
let logged: string[] = []
const bus = createMemoryBus()
const endings: (() => unknown)[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-node-'))
  database = await testDatabase()
  ledger = createLedger({ db: database.db, bus, clock: systemClock, logger })
  ledger.start()
  logged = []
})
afterEach(async () => {
  for (const ending of endings.splice(0).toReversed()) await ending()
  await ledger.stop()
  await database.close()
  rmSync(folder, { recursive: true, force: true })
})

const logger = createLogger({ level: 'info', format: 'json' }, { write: (line) => void logged.push(line) })

function configOf(env: Record<string, string> = {}): Config {
  return loadConfig({ env: { STOA_DATA__DIR: folder, ...env }, cwd: folder }).config
}

/** A room whose node has no packets; it says what it was told. */
function room(given: Partial<NodeRoomDeps> = {}) {
  const happened: string[] = []
  const memory = createMemoryNode()
  const opened = openedNode(memory.node, happened)
  const line = new LeaderLine(bus, logger, 'ilp')
  const made = new NodeRoom({
    config: () => configOf(),
    office: {
      databaseReady: async () => database,
      opened: async () => database,
      ledger: () => ledger,
      audit: () => createAuditLog({ db: database.db, clock: systemClock }),
      people: () => undefined,
    },
    keyring: openKeyring(join(folder, 'keys')),
    relayPubkey: 'ab'.repeat(32),
    line,
    logger,
    ...given,
    open: {
      node: async ({ settings }) => {
        happened.push(`node opened with ${settings.spreadPpm}`)
        return opened
      },
      ...given.open,
    },
  })
  endings.push(
    () => line.close(),
    () => made.stop(),
  )
  return { room: made, line, memory, happened }
}

function openedNode(node: OpenedNode['node'], happened: string[]): OpenedNode {
  return {
    node,
    handleUpgrade: (_request, socket) => void socket.destroy(),
    receiveHttp: () => Promise.reject(new Error('no packets here')),
    answerSpsp: () => Promise.reject(new Error('no receivers here')),
    peers: () => [],
    peerTermsOf: () => undefined,
    askPeer: async () => undefined,
    noteBooked: () => {},
    configure: ({ spreadPpm }: NodeSettings) => {
      happened.push(`node configured with ${spreadPpm}`)
      return accepted(undefined)
    },
    figures: () => {
      throw new Error('no figures here')
    },
    stop: async () => void happened.push('node stopped'),
  }
}

async function untilOpen({ room: opening }: { readonly room: NodeRoom }): Promise<void> {
  opening.start()
  await vi.waitFor(() => expect(opening.settlementDesk()).toBeDefined(), PATIENCE)
}

test('what the node is told while its journal is replayed holds when it is open', async () => {
  const { promise: replayed, resolve: goOn } = Promise.withResolvers<void>()
  const { promise: opening, resolve: begun } = Promise.withResolvers<void>()
  const happened: string[] = []
  const settled: number[] = []
  const under = room({
    open: {
      node: async () => {
        begun()
        await replayed
        return openedNode(createMemoryNode().node, happened)
      },
      settlement: (deps) => {
        settled.push(deps.config.interledger.spreadPpm)
        return openNodeSettlement(deps)
      },
    },
  })
  under.room.start()
  await opening
  under.room.configure(configOf({ STOA_INTERLEDGER__SPREAD_PPM: '7' }))
  goOn()
  await vi.waitFor(() => expect(settled).toEqual([7]), PATIENCE)
  expect(happened).toEqual(['node configured with 7'])
})

test('a token that is missing or too short is found before any peer is connected to', async () => {
  const file = join(folder, 'token')
  const env = { STOA_INTERLEDGER__RPC_TOKEN_FILE: file }
  const missing = room({ config: () => configOf(env) })
  missing.room.start()
  const hasFailed = () => logged.filter((line) => line.includes('leadership.duties_failed')).length
  await vi.waitFor(() => expect(hasFailed()).toBe(1), PATIENCE)
  await missing.room.stop()
  writeFileSync(file, 'short')
  const short = room({ config: () => configOf(env) })
  short.room.start()
  await vi.waitFor(() => expect(hasFailed()).toBe(2), PATIENCE)
  expect([...missing.happened, ...short.happened]).toEqual([])
})

test('settlement ends before the node, which hears of what is paid meanwhile; the node ends also when it cannot', async () => {
  const happened: string[] = []
  const under = room({
    open: {
      node: async () => openedNode(createMemoryNode().node, happened),
      settlement: (deps): NodeSettlement => ({
        ...openNodeSettlement(deps),
        stop: async () => {
          happened.push(`settlement stopped, the node ${deps.node() === undefined ? 'closed' : 'open'}`)
          throw new AppError('RAIL_FAILED', 'the rail does not let go')
        },
      }),
    },
  })
  await untilOpen(under)
  await under.room.stop()
  expect(happened.slice(-2)).toEqual(['settlement stopped, the node open', 'node stopped'])
  expect(under.room.current()).toBeUndefined()
  expect(under.room.settlement()).toBeUndefined()
})

test('one client reaches the node wherever it is: here, in the other process, and here again when that one is gone', async () => {
  const [first, second] = [room(), room()]
  const client = await openIlpClient({
    config: configOf(),
    room: () => second.room,
    line: () => second.line,
    ledger: () => ledger,
    logger,
  })
  endings.push(() => client.close())
  await untilOpen(first)
  second.room.start()
  const pay = { to: '$example.com/alice', asset: 'msat', send: 5n } as const
  expect(await client.payment.pay.mutate({ ...pay, key: 'far' })).toMatchObject({ state: 'done' })
  expect(first.memory.done).toEqual([{ by: { actor: 'stoa', role: 'service' }, what: 'pay far' }])
  expect(await client.settlement.listChannels.query()).toEqual([])
  expect(await client.ledger.getBalance.query({ path: 'assets/peer/bob', asset: 'msat' })).toMatchObject({
    balance: 0n,
  })
  await first.room.stop()
  await vi.waitFor(() => expect(second.room.settlementDesk()).toBeDefined(), PATIENCE)
  expect(await client.payment.pay.mutate({ ...pay, key: 'here' })).toMatchObject({ state: 'done' })
  expect(second.memory.done).toMatchObject([{ what: 'pay here' }])
})

test('an order that is given up by hand is in the audit log, with who answers for it', async () => {
  const under = room()
  await untilOpen(under)
  await database.db
    .insertInto('settlement_orders')
    .values({
      key: 'order-1',
      rail: 'gone',
      kind: 'withdraw',
      asset: 'msat',
      party: null,
      amount: '0',
      channel_id: 'c',
      terms: JSON.stringify({ kind: 'withdraw', channelId: 'c' }),
      state: 'sent',
      signed_id: 'tx',
      signed_bytes: Buffer.from('signed'),
      next_try_ms: 0n,
      reason: null,
      created_ms: 0n,
      changed_ms: 0n,
    })
    .execute()
  const desk = under.room.settlementDesk()
  const by = { actor: 'olga', role: 'operator' }
  expect(await desk?.giveUp('order-1', { isNeverTaken: true }, by)).toEqual(accepted({ state: 'given_up' }))
  expect(await desk?.orders()).toMatchObject([{ state: 'given_up', reason: 'given up by olga' }])
  const audit = createAuditLog({ db: database.db, clock: systemClock })
  expect(await audit.list()).toMatchObject([
    { ...by, action: 'settlement.give_up', subject: 'order-1', after: { neverTaken: true } },
  ])
})

test('a process that is no node, and has none beside it, is refused in words', async () => {
  const client = await openIlpClient({
    config: configOf(),
    room: () => undefined,
    line: () => undefined,
    ledger: () => undefined,
    logger,
  })
  const refusal = await refusalOfCall(client.payment.show.query({ key: 'k' }))
  expect(refusal.code).toBe('UNAVAILABLE')
  await client.close()
})

test('a process without the role has its payments made by a node elsewhere', async () => {
  const far = room({ config: () => configOf({ STOA_INTERLEDGER__RPC_TOKEN: TOKEN }) })
  await untilOpen(far)
  const http = createServer()
  http.on('upgrade', far.room.handleRpc)
  await once(http.listen(0, '127.0.0.1'), 'listening')
  endings.push(() => http.close())
  const { port } = http.address() as AddressInfo
  const tokenFile = join(folder, 'remote-token')
  writeFileSync(tokenFile, `${TOKEN}\n`)
  const client: IlpClient = await openIlpClient({
    config: configOf({
      STOA_PROCESS__ROLES: 'relay,api,jobs',
      STOA_INTERLEDGER__REMOTE_URL: `ws://127.0.0.1:${port}/trpc`,
      STOA_INTERLEDGER__REMOTE_TOKEN_FILE: tokenFile,
    }),
    room: () => undefined,
    line: () => undefined,
    ledger: () => undefined,
    logger,
  })
  endings.push(() => client.close())
  const pay = { to: '$example.com/alice', asset: 'msat', send: 5n, key: 'k' } as const
  expect(await client.payment.pay.mutate(pay)).toMatchObject({ state: 'done', sent: 5n })
  expect(far.memory.done).toMatchObject([{ what: 'pay k' }])
})

async function refusalOfCall(call: Promise<unknown>) {
  return refusalOf(await call.then(() => undefined).catch((error: unknown) => error))
}
