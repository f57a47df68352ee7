/** The whole router with the parts of the program behind it: two nodes that pay each other and settle. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createStubRail } from '../../settlement/stub/index.ts'
import { tokenHashOf } from '../node/testing/index.ts'
import { refusalOf } from './index.ts'
import { listening } from './testing/rig.ts'
import {
  TREASURY_ASSET as asset,
  type Side,
  startTwoTreasuries,
  type TwoTreasuries,
} from './testing/treasury.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 20_000, interval: 20 }
const TOKEN = 'a-token-that-nobody-guesses'
const KEY = 'ab'.repeat(32)
const LIMITS = { maxReceivable: '1000000', maxPayable: '1000000' }
const TERMS = {
  relation: 'peer',
  asset,
  limits: LIMITS,
  settlement: { rail: 'stub', threshold: '1000000', target: '0' },
} as const

let two: TwoTreasuries
beforeEach(async () => {
  two = await startTwoTreasuries()
})
afterEach(() => two.stop())

/** Bob connects to Alice. */
async function becomePeers(): Promise<void> {
  const { alice, bob } = two
  const added = await alice.client.peers.add.mutate({
    ...TERMS,
    id: 'bob',
    link: { kind: 'btp-server', tokenHash: tokenHashOf(TOKEN) },
  })
  expect(added).toMatchObject({ id: 'bob', balance: 0n, limits: { maxReceivable: 1_000_000n } })
  const url = `${alice.node.url.replace('http', 'ws')}/btp`
  await bob.client.peers.add.mutate({
    ...TERMS,
    id: 'alice',
    link: { kind: 'btp-client', url, token: TOKEN },
  })
  await vi.waitFor(
    async () =>
      expect(await alice.client.peers.list.query()).toMatchObject([{ id: 'bob', isConnected: true }]),
    PATIENCE,
  )
}

async function balanceOf(who: Side, path: string): Promise<bigint> {
  const { balance } = await two[who].client.ledger.getBalance.query({ path, asset })
  return balance
}

const refusedWith = async (call: Promise<unknown>) =>
  refusalOf(await call.catch((error: unknown) => error)).code

test('two nodes become peers, one pays the other and settles by payment and by channel, all through the RPC', async () => {
  const { alice, bob, quiet } = two
  await becomePeers()
  const { payment, settlement, peers, routes, ledger } = alice.client
  await routes.add.mutate({ prefix: 'test.bob', peerId: 'bob' })
  expect(await routes.list.query()).toContainEqual(
    expect.objectContaining({ prefix: 'test.bob', source: 'static' }),
  )
  const pong = await peers.ping.query({ destination: 'test.bob.nobody' })
  expect(pong.answer).toContain('test.bob')

  const debt = listening(alice.client, { path: 'assets/peer/bob', asset })
  const to = `${bob.node.url}/pay/${KEY}`
  expect(await payment.quote.query({ to, asset, send: 10_000n })).toMatchObject({
    send: 10_000n,
    destinationCode: 'USDC',
    destinationScale: 6,
  })
  const paid = await payment.pay.mutate({ key: 'p', to, asset, send: 10_000n })
  expect(paid).toMatchObject({ state: 'done', sent: 10_000n, delivered: 10_000n })
  expect(await payment.show.query({ key: 'p' })).toEqual(paid)
  expect(await balanceOf('alice', 'assets/peer/bob')).toBe(-10_000n)
  expect(await balanceOf('bob', 'assets/peer/alice')).toBe(10_000n)
  expect(await balanceOf('bob', `liabilities/credit/${KEY}`)).toBe(10_000n)

  // A part of the debt by a payment, the rest by a claim of a channel that is opened for it.
  expect(await settlement.settle.mutate({ party: 'peer/bob', key: 's1', amount: 4_000n })).toMatchObject({
    by: 'order',
    amount: 4_000n,
  })
  await quiet()
  expect(await balanceOf('bob', 'assets/peer/alice')).toBe(6_000n)
  await settlement.openChannel.mutate({ party: 'peer/bob', key: 'c', amount: 20_000n })
  await quiet()
  const [channel] = await settlement.listChannels.query({ party: 'peer/bob' })
  expect(channel).toMatchObject({ direction: 'out', deposit: 20_000n, state: 'open' })
  expect(await settlement.settle.mutate({ party: 'peer/bob', key: 's2' })).toMatchObject({
    by: 'claim',
    channelId: channel?.id,
    amount: 6_000n,
  })
  expect(await balanceOf('alice', 'assets/peer/bob')).toBe(0n)
  expect(await balanceOf('bob', 'assets/peer/alice')).toBe(0n)

  // The payee brings it home, and ends the channel.
  const ours = { rail: 'stub', id: channel?.id ?? '' }
  expect(await bob.client.payment.getChannelState.query(ours)).toMatchObject({
    direction: 'in',
    party: 'peer/alice',
    claimed: 6_000n,
    redeemed: 0n,
  })
  expect((await bob.client.payment.claimAllChannels.mutate()).orders).toHaveLength(1)
  await quiet()
  expect(await bob.client.payment.getChannelState.query(ours)).toMatchObject({ redeemed: 6_000n })
  await bob.client.settlement.closeChannel.mutate(ours)
  await quiet()
  expect(await payment.getChannelState.query(ours)).toMatchObject({ state: 'closed' })
  expect(await alice.rail.balance(AbortSignal.timeout(5_000))).toBe(990_000n)

  await vi.waitFor(
    () => expect(debt.heard.map(({ balance }) => balance)).toEqual([0n, -10_000n, -6_000n, 0n]),
    PATIENCE,
  )
  const { lines } = await ledger.getTransfers.query({ path: 'assets/peer/bob', asset, limit: 2 })
  expect(lines).toMatchObject([
    { side: 'debit', amount: 6_000n, balance: 0n },
    { side: 'debit', amount: 4_000n, balance: -6_000n },
  ])
  expect(await payment.getRoutingStats.query()).toMatchObject({ address: 'test.alice', connectedPeers: 1 })
  for (const { node } of [alice, bob])
    for (const line of await node.ledger.trialBalance())
      expect(line).toMatchObject({ debits: line.credits, wrongBalances: 0 })
})

test('a claim by the channel of a client is verified, recorded once for its event, and credited', async () => {
  const { bob, network, quiet } = two
  const client = createStubRail({ asset, chain: network.chain, secret: Buffer.alloc(32, 3) })
  network.chain.mint(client.info.address, 5_000n)
  const signal = AbortSignal.timeout(10_000)
  const order = { kind: 'open', to: bob.rail.info.address, amount: 5_000n, challengeMs: 3_600_000 } as const
  const opening = await client.sign(order, { key: 'open', others: [] }, signal)
  if (!opening.ok) throw new Error(opening.refusal.text)
  await client.send(opening.value, signal)
  await network.finalise()
  const channelId = opening.value.id
  // The network is asked for channels by whoever lets clients pay, and not through the RPC.
  expect(await bob.settlement.acceptChannel({ rail: 'stub', id: channelId })).toMatchObject({ ok: true })

  const binding = { relay: 'aa'.repeat(32), eventId: 'bb'.repeat(32) }
  const claim = { rail: 'stub', channelId, asset, amount: 2_000n, nonce: 1n, binding } as const
  const signed = { claim, signature: await client.signClaim(claim, signal), binding }
  const { payment } = bob.client
  expect(await payment.verifyPaymentClaim.query(signed)).toEqual({ adds: 2_000n })
  const credit = { path: `liabilities/credit/${KEY}`, asset } as const
  const elsewhere = { ...signed, binding: { ...binding, eventId: 'cc'.repeat(32) }, credit }
  expect(await refusedWith(payment.recordClaim.mutate(elsewhere))).toBe('WRONG_BINDING')
  expect(await payment.recordClaim.mutate({ ...signed, credit })).toEqual({ adds: 2_000n })
  expect(await refusedWith(payment.recordClaim.mutate({ ...signed, credit }))).toBe('OLD_NONCE')
  expect(await balanceOf('bob', credit.path)).toBe(2_000n)
  expect((await payment.claimAllChannels.mutate({ rail: 'stub' })).orders).toHaveLength(1)
  await quiet()
  expect(await payment.getChannelState.query({ rail: 'stub', id: channelId })).toMatchObject({
    redeemed: 2_000n,
  })
})

/** The connection breaks while it is asked: it may have happened, or not, and is asked again until there is an answer. */
async function afterBreak<T>(ask: () => Promise<T>): Promise<T> {
  const lost = ask().catch(refusalOf)
  two.alice.breakAll()
  await lost
  return vi.waitFor(ask, PATIENCE)
}

test('what was ordered with a key is done once, however often it is asked for', async () => {
  const { alice, quiet } = two
  await becomePeers()
  const { settlement } = alice.client
  const bySettling = { party: 'peer/bob', key: 'again', amount: 500n }
  const first = await afterBreak(() => settlement.settle.mutate(bySettling))
  expect(await afterBreak(() => settlement.settle.mutate(bySettling))).toEqual(first)
  await quiet()
  expect(await settlement.settle.mutate(bySettling)).toEqual(first)
  expect(await refusedWith(settlement.settle.mutate({ ...bySettling, amount: 501n }))).toBe('KEY_REUSED')
  const opening = { party: 'peer/bob', key: 'channel', amount: 1_000n }
  const opened = await afterBreak(() => settlement.openChannel.mutate(opening))
  expect(await afterBreak(() => settlement.openChannel.mutate(opening))).toEqual(opened)
  await quiet()
  expect(await settlement.openChannel.mutate(opening)).toEqual(opened)
  await quiet()
  expect(await settlement.listChannels.query()).toHaveLength(1)
  expect(await balanceOf('alice', 'assets/peer/bob')).toBe(500n)
  expect(await alice.rail.balance(AbortSignal.timeout(5_000))).toBe(998_500n)
})

test('a party is named with its kind, and one that nobody knows is refused as such', async () => {
  const { settlement } = two.alice.client
  expect(await refusedWith(settlement.settle.mutate({ party: 'bob', key: 'k' }))).toBe('INVALID')
  expect(await refusedWith(settlement.settle.mutate({ party: 'peer/eve', key: 'k' }))).toBe('UNKNOWN_PARTY')
})
