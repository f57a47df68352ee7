/** Two Stoas, as people run them, pay each other, settle, and are asked over tRPC; and of two processes one is the node. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  noServerBecause,
  type PostgresServer,
  startPostgres,
} from '../../src/events/postgres/testing/index.ts'
import { connectIlp, refusalOf } from '../../src/interledger/rpc/index.ts'
import { isRedisInstalled, startTestRedis, type TestRedis } from '../../src/platform/bus/testing/index.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 60_000, interval: 100 }
const KEY = '7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e'
const LIMITS = ['--max-receivable', '100000000', '--max-payable', '100000000']
const RPC_TOKEN = 'a-token-of-more-than-thirty-two-characters'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

async function stoa({ dataDir }: StoaProcess, ...words: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await stage.run([...words, '--json', '--data', dataDir])
  if (code !== 0) throw new Error(`stoa ${words.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

/** Until the node of this process can be asked. */
function untilOpen(process: StoaProcess): Promise<unknown> {
  return vi.waitFor(() => stoa(process, 'ilp', 'show'), PATIENCE)
}

async function balanceOf(process: StoaProcess, path: string): Promise<string> {
  const accounts = await stoa(process, 'ledger', 'accounts', '--prefix', path)
  // The shape is that of console/operations/ledger.ts.
  return (accounts as { readonly path: string; readonly balance: string }[])[0]?.balance ?? '0'
}

test('two programs become peers by the command line, one pays the other, and the debt is settled', async () => {
  const chain = join(stage.folder(), 'stub.chain')
  const tokenFile = join(stage.folder(), 'token')
  writeFileSync(tokenFile, 'a-token-between-two-peers')
  const envOf = (address: string) => ({
    STOA_INTERLEDGER__ADDRESS: address,
    STOA_INTERLEDGER__RPC_TOKEN: RPC_TOKEN,
    STOA_SETTLEMENT__STUB_CHAIN: chain,
  })
  const [one, two] = await Promise.all([
    stage.start({ hasOffice: true, threads: 2, env: envOf('test.one') }),
    stage.start({ hasOffice: true, env: envOf('test.two') }),
  ])
  await Promise.all([untilOpen(one), untilOpen(two)])
  const rail = ['--rail', 'stub', '--threshold', '50000', '--target', '10000']
  await stoa(one, 'ilp', 'peer', 'add', 'two', 'msat', '--their-token-file', tokenFile, ...LIMITS)
  const link = ['--connect', `${one.url.replace(/\/$/, '')}/btp`, '--token-file', tokenFile]
  await stoa(two, 'ilp', 'peer', 'add', 'one', 'msat', ...link, ...LIMITS, ...rail)
  await stoa(one, 'ilp', 'peer', 'change', 'two', '--rail', 'stub')
  await vi.waitFor(
    async () => expect(await stoa(two, 'ilp', 'route', 'list')).toMatchObject([{ prefix: 'test.one' }, {}]),
    PATIENCE,
  )

  const client = connectIlp({ url: `${two.url.replace(/\/$/, '')}/trpc`, token: RPC_TOKEN })
  const seen: bigint[] = []
  client.ledger.subscribeToAccount.subscribe(
    { path: 'assets/peer/one', asset: 'msat' },
    { onData: ({ data }) => void seen.push(data.balance) },
  )
  const to = one.httpUrl(`/pay/${KEY}`)
  const paid = await client.payment.pay.mutate({ key: 'by-trpc', to, asset: 'msat', send: 60_000n })
  expect(paid).toMatchObject({ state: 'done', sent: 60_000n, delivered: 60_000n })
  expect(await balanceOf(one, `liabilities/credit/${KEY}`)).toBe('60000')
  // Above the threshold: paid down to the target, by the stub's chain.
  await vi.waitFor(async () => expect(await balanceOf(one, 'assets/peer/two')).toBe('10000'), PATIENCE)
  await vi.waitFor(async () => expect(await balanceOf(two, 'assets/peer/one')).toBe('-10000'), PATIENCE)
  await vi.waitFor(() => expect(seen.at(-1)).toBe(-10_000n), PATIENCE)
  expect(seen).toContain(-60_000n)

  // Whoever shows no good token learns nothing.
  const stranger = connectIlp({ url: `${two.url.replace(/\/$/, '')}/trpc`, token: 'x'.repeat(40) })
  const refused = await stranger.peers.list.query().catch(refusalOf)
  expect(refused).toMatchObject({ code: expect.stringMatching(/UNREACHABLE|UNAUTHORIZED/) })
  await stranger.close()
  await client.close()

  // Killed and started again, it knows what it knew, and goes on.
  await two.kill()
  const again = await stage.start({ hasOffice: true, dataDir: two.dataDir, env: envOf('test.two') })
  await untilOpen(again)
  await vi.waitFor(
    async () =>
      expect(await stoa(again, 'ilp', 'peer', 'list')).toMatchObject([{ id: 'one', isConnected: true }]),
    PATIENCE,
  )
  await stoa(again, 'ilp', 'pay', one.httpUrl('/.well-known/pay'), 'msat', '--send', '500')
  expect(await balanceOf(one, 'revenue/received')).toBe('500')
  expect(await balanceOf(again, 'assets/peer/one')).toBe('-10500')
  for (const program of [one, again])
    expect(await stoa(program, 'ledger', 'trial-balance')).toMatchObject([
      { asset: 'msat', isBalanced: true },
    ])
  expect(await again.stop()).toMatchObject({ code: 0 })
})

if (noServerBecause !== undefined) console.warn(`SKIPPED: one process is the node, since ${noServerBecause}`)

describe.skipIf(noServerBecause !== undefined || !isRedisInstalled)('two processes of role ilp', () => {
  let postgres: PostgresServer
  let redis: TestRedis

  beforeAll(async () => {
    postgres = await startPostgres()
    redis = await startTestRedis()
  })
  afterAll(async () => {
    await redis.dispose()
    await postgres.stop()
  })

  test('one is the node and is asked through the other; killed, it is followed by it with all that it knew', async () => {
    const env = {
      STOA_STORE__ENGINE: 'postgres',
      STOA_DATABASE__URL: postgres.url,
      STOA_REDIS__URL: redis.url,
      STOA_SIGNER__RELAY_KEY: '1'.repeat(64),
      STOA_SIGNER__INTERLEDGER_SECRET: '2'.repeat(64),
    }
    const both = await Promise.all([
      stage.start({ env, hasOffice: true }),
      stage.start({ env, hasOffice: true }),
    ])
    await Promise.all(both.map(untilOpen))
    await vi.waitFor(
      async () => expect(new Set(await Promise.all(both.map(isNode)))).toEqual(new Set([true, false])),
      PATIENCE,
    )
    const [node, other] = (await isNode(both[0])) ? both : [both[1], both[0]]
    const tokenFile = join(stage.folder(), 'token')
    writeFileSync(tokenFile, 'a-token-between-two-peers')
    const link = ['--connect', 'ws://127.0.0.1:9/btp', '--token-file', tokenFile]
    await stoa(other, 'ilp', 'peer', 'add', 'far', 'msat', ...link, ...LIMITS)
    const peers = [{ id: 'far', maxReceivable: '100000000', isConnected: false }]
    expect(await stoa(node, 'ilp', 'peer', 'list')).toMatchObject(peers)
    expect(await stoa(other, 'ilp', 'peer', 'list')).toMatchObject(peers)
    expect((await fetch(other.httpUrl('/.well-known/pay'))).status).toBe(503)
    expect((await fetch(node.httpUrl('/.well-known/pay'))).status).toBe(200)

    await node.kill()
    await vi.waitFor(async () => expect(await isNode(other)).toBe(true), PATIENCE)
    expect(await stoa(other, 'ilp', 'peer', 'list')).toMatchObject(peers)
    expect((await fetch(other.httpUrl('/.well-known/pay'))).status).toBe(200)
    expect(await other.stop()).toMatchObject({ code: 0 })
  })
})

async function isNode(process: StoaProcess): Promise<boolean> {
  const shown = await stoa(process, 'ilp', 'show')
  // The shape is that of console/operations/interledger.ts.
  return (shown as { readonly isActive: boolean }).isActive
}
