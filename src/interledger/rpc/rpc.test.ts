/** Every procedure, with the official client: over a socket, and in this process. */
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import type { Settlement } from '../../settlement/index.ts'
import { type IlpClient, refusalOf, type SettlementDesk } from './index.ts'
import { ACCOUNT } from './testing/memory-books.ts'
import { GOOD_SIGNATURE, PARTY } from './testing/memory-settlement.ts'
import {
  ACTOR,
  createTestDesk,
  inProcess,
  listening,
  startTestRpc,
  type TestDesk,
  type TestRpc,
} from './testing/rig.ts'

const BOB = {
  id: 'bob',
  relation: 'peer',
  asset: 'msat',
  link: { kind: 'btp-client', url: 'wss://bob.example/btp', token: 'what bob must not lose' },
} as const
const FAULT = 'the node could not do it; its log says why'
const RELAY = 'aa'.repeat(32)
const EVENT = 'bb'.repeat(32)

test('the settlement of the program is one that the RPC can stand on', () => {
  expectTypeOf<Settlement>().toExtend<SettlementDesk>()
})

describe.each(['over a socket', 'in process'])('%s', (where) => {
  let under: { desk: TestDesk; rpc: TestRpc | undefined; client: IlpClient }

  beforeEach(async () => {
    const desk = createTestDesk()
    const rpc = where === 'in process' ? undefined : await startTestRpc(desk)
    under = { desk, rpc, client: rpc?.client() ?? inProcess(desk) }
  })

  afterEach(async () => {
    await under.client.close()
    await under.rpc?.close()
  })

  const refusalOfCall = async (call: Promise<unknown>) =>
    refusalOf(await call.catch((error: unknown) => error))

  test('peers are added, changed, paused, resumed, closed and listed, and the log knows by whom', async () => {
    const { peers } = under.client
    const added = await peers.add.mutate({ ...BOB, limits: { maxReceivable: '18446744073709551615' } })
    expect(added.limits.maxReceivable).toBe(2n ** 64n - 1n)
    expect(JSON.stringify(added, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))).not.toContain(
      'lose',
    )
    const changed = await peers.change.mutate({ id: 'bob', change: { exchangesRoutes: false } })
    expect(changed.exchangesRoutes).toBe(false)
    expect(await peers.pause.mutate({ id: 'bob' })).toMatchObject({ state: 'paused' })
    expect(await peers.resume.mutate({ id: 'bob' })).toMatchObject({ state: 'active' })
    expect(await peers.close.mutate({ id: 'bob' })).toMatchObject({ state: 'closed' })
    expect(await peers.list.query()).toMatchObject([{ id: 'bob', balance: -5n, state: 'closed' }])
    expect(under.desk.memory.done[0]).toEqual({ by: ACTOR, what: 'add bob' })
  })

  test('an address is pinged, and one that nobody leads to is refused', async () => {
    const { peers } = under.client
    expect(await peers.ping.query({ destination: 'test.far' })).toEqual({
      tookMs: 1.5,
      answer: 'F06 test.memory',
    })
    expect((await refusalOfCall(peers.ping.query({ destination: 'g.nowhere' }))).code).toBe('INVALID')
  })

  test('routes are added, paged and removed', async () => {
    const { routes } = under.client
    await routes.add.mutate({ prefix: 'g.a', peerId: 'bob' })
    await routes.add.mutate({ prefix: 'g.b', peerId: 'bob' })
    expect(await routes.list.query()).toHaveLength(2)
    expect(await routes.list.query({ after: 'g.a', limit: 1 })).toMatchObject([{ prefix: 'g.b' }])
    expect(await routes.remove.mutate({ prefix: 'g.a' })).toBeUndefined()
    expect(await routes.list.query()).toMatchObject([{ prefix: 'g.b', source: 'static', path: [] }])
  })

  test('payments are quoted and made once, and the node tells how it is', async () => {
    const { payment } = under.client
    const to = '$example.com/alice'
    expect(await payment.quote.query({ to, asset: 'msat', send: 10n })).toMatchObject({ deliver: 10n })
    const paid = await payment.pay.mutate({ key: 'k', to, asset: 'msat', deliver: 5n, maxSend: 6n })
    expect(paid).toMatchObject({ state: 'done', delivered: 5n })
    expect(await payment.pay.mutate({ key: 'k', to, asset: 'msat', send: 9n })).toEqual(paid)
    expect(await payment.show.query({ key: 'k' })).toEqual(paid)
    expect((await refusalOfCall(payment.show.query({ key: 'never' }))).code).toBe('NOT_FOUND')
    expect(await payment.getRoutingStats.query()).toEqual(await under.desk.desk.node.stats())
  })

  test('channels are opened, settled, shown without their best claim, and closed', async () => {
    const { settlement, payment } = under.client
    const opening = { party: PARTY, key: 'c', amount: 2n ** 200n }
    expect(await settlement.openChannel.mutate(opening)).toEqual({ key: 'open-channel-1' })
    expect(await settlement.openChannel.mutate(opening)).toEqual({ key: 'open-channel-1' })
    const [channel, ...others] = await settlement.listChannels.query({ party: PARTY })
    expect(others).toEqual([])
    expect(channel).toMatchObject({ id: 'channel-1', deposit: 2n ** 200n, state: 'open' })
    expect(channel).not.toHaveProperty('best')
    expect(await settlement.listChannels.query({ party: 'peer/eve' })).toEqual([])
    const settling = { party: PARTY, key: 's' }
    expect(await settlement.settle.mutate(settling)).toEqual({ by: 'order', key: 'order-1', amount: 7n })
    expect(await settlement.settle.mutate(settling)).toEqual({ by: 'order', key: 'order-1', amount: 7n })
    expect(await settlement.settle.mutate({ ...settling, key: 't', amount: 3n })).toMatchObject({
      amount: 3n,
    })
    expect(under.desk.settlement.paid).toEqual([7n, 3n])
    await settlement.closeChannel.mutate({ rail: 'stub', id: 'channel-1' })
    expect(await payment.getChannelState.query({ rail: 'stub', id: 'channel-1' })).toMatchObject({
      state: 'closing',
    })
  })

  test('a claim is verified, recorded once, credited and brought home', async () => {
    const { settlement, payment } = under.client
    await settlement.openChannel.mutate({ party: PARTY, key: 'c', amount: 100n })
    const binding = { relay: RELAY, eventId: EVENT }
    const claim = {
      rail: 'stub',
      channelId: 'channel-1',
      asset: 'msat',
      amount: 30n,
      nonce: 1n,
      binding,
    } as const
    const signed = { claim, signature: GOOD_SIGNATURE, binding }
    expect(await payment.verifyPaymentClaim.query(signed)).toEqual({ adds: 30n })
    const credit = { path: 'liabilities/credit/alice', asset: 'msat' } as const
    expect(await payment.recordClaim.mutate({ ...signed, credit })).toEqual({ adds: 30n })
    expect(under.desk.settlement.credited).toEqual([{ account: credit, amount: 30n }])
    expect((await refusalOfCall(payment.recordClaim.mutate({ ...signed, credit }))).code).toBe('OLD_NONCE')
    const forged = { ...signed, claim: { ...claim, nonce: 2n }, signature: Buffer.from('00', 'hex') }
    expect((await refusalOfCall(payment.verifyPaymentClaim.query(forged))).code).toBe('BAD_SIGNATURE')
    expect(await payment.claimAllChannels.mutate({ rail: 'stub' })).toEqual({ orders: ['redeem-channel-1'] })
    expect(await payment.claimAllChannels.mutate()).toEqual({ orders: ['redeem-channel-1'] })
  })

  test('balances and statements are read, exactly', async () => {
    const { ledger } = under.client
    under.desk.books.post(2n ** 90n)
    under.desk.books.post(1n)
    expect(await ledger.getBalance.query(ACCOUNT)).toEqual({ ...ACCOUNT, balance: 2n ** 90n + 1n, held: 0n })
    const page = await ledger.getTransfers.query({ ...ACCOUNT, limit: 1 })
    expect(page).toMatchObject({ lines: [{ transferId: 2n, amount: 1n }], next: 2n })
    const older = await ledger.getTransfers.query({ ...ACCOUNT, before: 2n })
    expect(older.lines).toMatchObject([{ amount: 2n ** 90n }])
  })

  test('a subscriber hears how the account stands and then each change, until it leaves', async () => {
    const { books } = under.desk
    books.post(10n)
    const one = listening(under.client, ACCOUNT)
    await one.has(1)
    books.post(5n)
    books.post(5n)
    await one.has(3)
    expect(one.heard).toEqual([
      { id: '1', balance: 10n },
      { id: '2', balance: 15n },
      { id: '3', balance: 20n },
    ])
    one.stop()
    await expect.poll(books.subscribers).toBe(0)
  })

  test('what was missed is told to a subscriber that says where it was, once', async () => {
    const { books } = under.desk
    for (let i = 0; i < 5; i++) books.post(1n)
    const one = listening(under.client, ACCOUNT, '2')
    await one.has(3)
    books.post(1n)
    await one.has(4)
    expect(one.heard.map(({ id }) => id)).toEqual(['3', '4', '5', '6'])
  })

  test('what the ledger did not tell of, since it just began to listen, is found with the next change', async () => {
    const { books } = under.desk
    const one = listening(under.client, ACCOUNT)
    await one.has(1)
    books.post(1n, { isTold: false })
    books.post(1n)
    await one.has(3)
    expect(one.heard.map(({ balance }) => balance)).toEqual([0n, 1n, 2n])
  })

  test('a subscriber of restored books hears how they stand, whatever it knew before', async () => {
    under.desk.books.post(3n)
    const one = listening(under.client, ACCOUNT, '99')
    await one.has(1)
    expect(one.heard).toEqual([{ id: '1', balance: 3n }])
  })

  test('a subscription whose books cannot be read ends with an error, and is not tried for ever', async () => {
    const { books } = under.desk
    const one = listening(under.client, ACCOUNT)
    await one.has(1)
    books.failOnce(new AppError('LEDGER_UNAVAILABLE', 'the database is gone'))
    books.post(1n)
    expect(refusalOf(await one.over).code).toBe('INTERRUPTED')
    await expect.poll(books.subscribers).toBe(0)
    books.failOnce(new AppError('LEDGER_UNAVAILABLE', 'the database is gone'))
    const two = listening(under.client, ACCOUNT)
    expect(refusalOf(await two.over).code).toBe('INTERNAL')
    await expect.poll(books.subscribers).toBe(0)
  })

  test('a refusal comes with its code and its sentence', async () => {
    const { peers, settlement, payment } = under.client
    await peers.add.mutate(BOB)
    expect(await refusalOfCall(peers.add.mutate(BOB))).toEqual({
      code: 'CONFLICT',
      text: 'there is a peer bob',
    })
    expect((await refusalOfCall(peers.pause.mutate({ id: 'eve' }))).code).toBe('NOT_FOUND')
    const toEve = settlement.settle.mutate({ party: 'peer/eve', key: 's' })
    expect((await refusalOfCall(toEve)).code).toBe('UNKNOWN_PARTY')
    const nowhere = payment.getChannelState.query({ rail: 'stub', id: 'none' })
    expect((await refusalOfCall(nowhere)).code).toBe('UNKNOWN_CHANNEL')
  })

  test('an input that is none is refused before anybody is asked, and says where', async () => {
    const { payment, ledger, routes, peers, settlement } = under.client
    const to = '$example.com/alice'
    const wrong = [
      payment.pay.mutate({ key: 'k', to, asset: 'msat' }),
      payment.pay.mutate({ key: 'k', to, asset: 'msat', send: 1n, deliver: 1n }),
      payment.pay.mutate({ key: 'k', to, asset: 'msat', send: 2n ** 64n }),
      payment.pay.mutate({ key: 'k', to, asset: 'msat', send: 0n }),
      ledger.getBalance.query({ path: 'nowhere/bob', asset: 'msat' }),
      ledger.getTransfers.query({ ...ACCOUNT, limit: 1_001 }),
      routes.add.mutate({ prefix: 'g..a', peerId: 'bob' }),
      peers.ping.query({ destination: 'test' }),
      payment.show.query({ key: '' }),
      settlement.settle.mutate({ party: 'bob', key: 's' }),
      settlement.openChannel.mutate({ party: PARTY, key: '', amount: 1n }),
      peers.add.mutate({ ...BOB, link: { ...BOB.link, url: 'http://bob.example' } }),
      // @ts-expect-error A setting that there is not.
      peers.pause.mutate({ id: 'bob', silently: true }),
    ]
    const refusals = await Promise.all(wrong.map(refusalOfCall))
    expect(refusals.map(({ code }) => code)).toEqual(wrong.map(() => 'INVALID'))
    expect(refusals[3]?.text).toMatch(/^send: /)
    expect(under.desk.memory.done).toEqual([])
  })

  test('a fault says nothing of the inside, and everything to the log', async () => {
    const { desk, client } = under
    desk.books.failOnce(new AppError('LEDGER_UNAVAILABLE', 'password hunter2 was refused by db.internal'))
    const error: unknown = await client.ledger.getTransfers.query(ACCOUNT).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: FAULT, data: { code: 'INTERNAL_SERVER_ERROR' } })
    expect(refusalOf(error)).toEqual({ code: 'INTERNAL', text: FAULT })
    // The cause is there in the same process alone.
    expect(JSON.stringify({ ...(error as object), cause: undefined })).not.toMatch(/hunter2|LEDGER_|\.ts/)
    expect(desk.logged.join()).toContain('db.internal')
  })

  test('a closed client has ended its subscriptions and refuses calls', async () => {
    const { client, desk } = under
    const one = listening(client, ACCOUNT)
    await one.has(1)
    await client.close()
    expect(await one.over).toBe('complete')
    await expect.poll(desk.books.subscribers).toBe(0)
    expect((await refusalOfCall(client.peers.list.query())).code).toBe('CLOSED')
  })
})
