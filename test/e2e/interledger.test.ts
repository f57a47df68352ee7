/** Two Stoas, as people run them, pay each other, settle, and are asked over tRPC; and of two processes one is the node. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectIlp, refusalOf } from '../../src/interledger/rpc/index.ts'
import { noServicesBecause, type SharedServices, startSharedServices } from './shared-services.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 60_000, interval: 100 }
const KEY = '7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e'
const LIMITS = ['--max-receivable', '100000000', '--max-payable', '100000000']
const RPC_TOKEN = 'a-token-of-more-than-thirty-two-characters'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

/** Until the node of this process can be asked. */
function untilOpen(process: StoaProcess): Promise<unknown> {
  return vi.waitFor(() => stage.ask(process, 'ilp', 'show'), PATIENCE)
}

/** Until `/metrics` says so. */
function untilNumbers(process: StoaProcess, numbers: Readonly<Record<string, number>>): Promise<unknown> {
  return vi.waitFor(async () => expect(await process.samples()).toMatchObject(numbers), PATIENCE)
}

async function balanceOf(process: StoaProcess, path: string): Promise<string> {
  const accounts = await stage.ask(process, 'ledger', 'accounts', '--prefix', path)
  // The shape is that of console/operations/ledger.ts.
  return (accounts as { readonly path: string; readonly balance: string }[])[0]?.balance ?? '0'
}

/** What `/metrics` says of a node with one peer, when nothing is under way and nothing went wrong. */
const QUIET = {
  stoa_ilp_peers: 1,
  stoa_ilp_connected_peers: 1,
  stoa_ilp_in_flight_packets: 0,
  stoa_ilp_unresolved_packets: 0,
  stoa_ilp_waiting_entries: 0,
  'stoa_ilp_packets_total{result="lost"}': 0,
  'stoa_ilp_packets_total{result="wrong"}': 0,
  stoa_ledger_failed_commits_total: 0,
  stoa_ledger_waiting: 0,
} as const
const OUTGOING = 'stoa_ilp_packets_total{result="outgoing"}'
const INCOMING = 'stoa_ilp_packets_total{result="incoming"}'
const balanceSeries = (peer: string) => `stoa_ilp_peer_balance_units{peer="${peer}",asset="msat"}`

/** What operators look at and do beside paying, of a node that owes its peer `one` 10,000 of 60,000. */
async function askByCommands(two: StoaProcess, to: string): Promise<void> {
  await stage.ask(two, 'ilp', 'route', 'add', 'test.far', 'one')
  const [ping, quote, balance, peers, routes, statement] = await Promise.all([
    stage.ask(two, 'ilp', 'ping', 'test.one.nobody'),
    stage.ask(two, 'ilp', 'quote', to, 'msat', '--send', '1000'),
    stage.ask(two, 'ilp', 'balance'),
    stage.ask(two, 'ilp', 'peer', 'list'),
    stage.ask(two, 'ilp', 'route', 'list', '--after', 'test.a', '--limit', '1'),
    stage.ask(two, 'ledger', 'statement', 'assets/peer/one', 'msat', '--limit', '1'),
  ])
  expect(ping).toMatchObject({ answer: expect.stringContaining('test.one') })
  expect(quote).toMatchObject({ to, send: '1000', destinationCode: 'BTC' })
  expect(balance).toMatchObject([{ path: 'assets/peer/one', asset: 'msat', balance: '-10000' }])
  expect(peers).toMatchObject([{ id: 'one', balance: '-10000', isConnected: true, settlementRail: 'stub' }])
  expect(routes).toMatchObject([{ prefix: 'test.far', peerId: 'one', source: 'static' }])
  expect(statement).toMatchObject([{ side: 'debit', amount: '50000', balance: '-10000' }])
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
  await stage.ask(one, 'ilp', 'peer', 'add', 'two', 'msat', '--their-token-file', tokenFile, ...LIMITS)
  const link = ['--connect', `${one.url.replace(/\/$/, '')}/btp`, '--token-file', tokenFile]
  await stage.ask(two, 'ilp', 'peer', 'add', 'one', 'msat', ...link, ...LIMITS, ...rail)
  await stage.ask(one, 'ilp', 'peer', 'change', 'two', '--rail', 'stub')
  await untilNumbers(two, { stoa_ilp_routes: 2 })
  expect(await stage.ask(two, 'ilp', 'route', 'list')).toMatchObject([{ prefix: 'test.one' }, {}])

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
  await untilNumbers(one, { ...QUIET, [balanceSeries('two')]: 10_000, stoa_ledger_subscriptions: 0 })
  await untilNumbers(two, { ...QUIET, [balanceSeries('one')]: -10_000, stoa_ledger_subscriptions: 1 })
  expect(await balanceOf(one, 'assets/peer/two')).toBe('10000')
  await vi.waitFor(() => expect(seen.at(-1)).toBe(-10_000n), PATIENCE)
  expect(seen).toContain(-60_000n)

  // What went out came in, beside the packets by which they tell each other of routes.
  const [{ [OUTGOING]: sent = 0 }, { [INCOMING]: came }] = await Promise.all([two.samples(), one.samples()])
  expect(sent).toBeGreaterThan(0)
  expect(came).toBeGreaterThanOrEqual(sent)
  await askByCommands(two, to)

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
  await untilNumbers(again, { stoa_ilp_connected_peers: 1 })
  await stage.ask(again, 'ilp', 'pay', one.httpUrl('/.well-known/pay'), 'msat', '--send', '500')
  expect(await balanceOf(one, 'revenue/received')).toBe('500')
  expect(await balanceOf(again, 'assets/peer/one')).toBe('-10500')
  // By the name that the community has given to that key.
  await stage.ask(one, 'admin', 'name', 'set', 'alice', KEY)
  await stage.ask(again, 'ilp', 'pay', one.httpUrl('/pay/alice'), 'msat', '--send', '700')
  expect(await balanceOf(one, `liabilities/credit/${KEY}`)).toBe('60700')
  for (const program of [one, again])
    expect(await stage.ask(program, 'ledger', 'trial-balance')).toMatchObject([
      { asset: 'msat', isBalanced: true },
    ])
  expect(await again.stop()).toMatchObject({ code: 0 })
})

if (noServicesBecause !== undefined)
  console.warn(`SKIPPED: one process is the node, since ${noServicesBecause}`)

describe.skipIf(noServicesBecause !== undefined)('two processes of role ilp', () => {
  let services: SharedServices

  beforeAll(async () => {
    services = await startSharedServices()
  })
  afterAll(() => services.stop())

  test('one is the node and is asked through the other; killed, it is followed by it with all that it knew', async () => {
    const { env } = services
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
    await stage.ask(other, 'ilp', 'peer', 'add', 'far', 'msat', ...link, ...LIMITS)
    const peers = [{ id: 'far', maxReceivable: '100000000', isConnected: false }]
    expect(await stage.ask(node, 'ilp', 'peer', 'list')).toMatchObject(peers)
    expect(await stage.ask(other, 'ilp', 'peer', 'list')).toMatchObject(peers)
    expect((await fetch(other.httpUrl('/.well-known/pay'))).status).toBe(503)
    expect((await fetch(node.httpUrl('/.well-known/pay'))).status).toBe(200)

    await node.kill()
    await vi.waitFor(async () => expect(await isNode(other)).toBe(true), PATIENCE)
    expect(await stage.ask(other, 'ilp', 'peer', 'list')).toMatchObject(peers)
    expect((await fetch(other.httpUrl('/.well-known/pay'))).status).toBe(200)
    expect(await other.stop()).toMatchObject({ code: 0 })
  })
})

async function isNode(process: StoaProcess): Promise<boolean> {
  const shown = await stage.ask(process, 'ilp', 'show')
  // The shape is that of console/operations/interledger.ts.
  return (shown as { readonly isActive: boolean }).isActive
}
