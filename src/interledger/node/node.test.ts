import { createHash, randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Asset, systemClock } from '../../kernel/index.ts'
import { testLedger } from '../../ledger/testing/index.ts'
import { beginTestTerm } from '../../platform/leadership/testing/index.ts'
import { PaymentStore } from './payment-store.ts'
import { addPeer, peerTerms, TestNetwork, type TestNode, tokenHashOf } from './testing/index.ts'
import { createSecretBox } from './testing/secret-for-tests.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 20_000, interval: 20 }
const BY = { actor: 'cli', role: 'cli' }
const KEY = 'ab'.repeat(32)
const TOKEN = 'a-token-that-nobody-guesses'

let network: TestNetwork
let start: TestNetwork['start']

beforeEach(() => {
  network = new TestNetwork()
  start = (...args) => network.start(...args)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await network.stop()
})

const balanceOf = async (node: TestNode, path: string, asset: Asset) =>
  (await node.ledger.balance({ path, asset })).balance

async function expectBalancedBooks(): Promise<void> {
  for (const { ledger } of network.nodes)
    for (const line of await ledger.trialBalance()) {
      expect(line.debits).toBe(line.credits)
      expect(line.wrongBalances).toBe(0)
    }
}

test('a payment crosses three nodes with an exchange, routes learned on the way, and all balances agree', async () => {
  const [a, b, c] = [
    await start('test.a'),
    await start('test.b'),
    await start('test.c', { settings: { asset: 'usdc' } }),
  ]
  await network.join(b, a, 'drop', ['b', 'a'])
  await network.join(b, c, 'usdc', ['b', 'c'])
  await vi.waitFor(async () => {
    const prefixes = (await a.opened.node.routes.list()).map(({ prefix }) => prefix)
    expect(prefixes).toContain('test.c')
  }, PATIENCE)
  const to = `${c.url}/pay/${KEY}`
  const quote = await a.opened.node.payments.quote({ to, asset: 'drop', send: 1_000_000n })
  expect(quote).toMatchObject({
    ok: true,
    value: { send: 1_000_000n, destinationCode: 'USDC', destinationScale: 6 },
  })
  const paid = await a.opened.node.payments.pay({ key: 'p1', to, asset: 'drop', send: 1_000_000n }, BY)
  // Half a dollar less the spread of 0.2 %.
  expect(paid).toMatchObject({ ok: true, value: { state: 'done', sent: 1_000_000n, delivered: 499_000n } })
  expect(await balanceOf(c, `liabilities/credit/${KEY}`, 'usdc')).toBe(499_000n)
  expect(await balanceOf(a, 'assets/peer/b', 'drop')).toBe(-1_000_000n)
  expect(await balanceOf(b, 'assets/peer/a', 'drop')).toBe(1_000_000n)
  expect(await balanceOf(b, 'assets/peer/c', 'usdc')).toBe(-499_000n)
  expect(await balanceOf(c, 'assets/peer/b', 'usdc')).toBe(499_000n)
  expect(await balanceOf(b, 'revenue/routing', 'drop')).toBe(2_000n)
  expect(await balanceOf(a, 'expenses/payments', 'drop')).toBe(1_000_000n)
  // Again with its key: nothing is paid twice, and another payment with it is refused.
  expect(await a.opened.node.payments.pay({ key: 'p1', to, asset: 'drop', send: 1_000_000n }, BY)).toEqual(
    paid,
  )
  expect(await a.opened.node.payments.pay({ key: 'p1', to, asset: 'drop', send: 2n }, BY)).toMatchObject({
    ok: false,
    refusal: { code: 'CONFLICT' },
  })
  expect(await balanceOf(c, `liabilities/credit/${KEY}`, 'usdc')).toBe(499_000n)
  const pong = await a.opened.node.ping('test.c.nobody')
  expect(pong).toMatchObject({ ok: true, value: { answer: expect.stringContaining('F02 test.c') } })
  await expectBalancedBooks()
})

test('a child is given its address by its parent, and keeps it over a restart', async () => {
  const parent = await start('test.parent')
  const database = await network.newDatabase()
  const child = await start('', { database })
  await addPeer(
    parent.opened,
    peerTerms('kid', 'drop', { kind: 'btp-server', tokenHash: tokenHashOf(TOKEN) }, { relation: 'child' }),
  )
  const link = { kind: 'btp-client', url: parent.url.replace('http', 'ws'), token: TOKEN } as const
  expect((await child.opened.node.stats()).address).toBe('private.test')
  await addPeer(child.opened, peerTerms('up', 'drop', link, { relation: 'parent' }))
  await vi.waitFor(
    async () => expect((await child.opened.node.stats()).address).toBe('test.parent.kid'),
    PATIENCE,
  )
  const paid = await parent.opened.node.payments.pay(
    { key: 'gift', to: `${child.url}/.well-known/pay`, asset: 'drop', send: 700n },
    BY,
  )
  expect(paid).toMatchObject({ ok: true, value: { state: 'done', delivered: 700n } })
  expect(await balanceOf(child, 'revenue/received', 'drop')).toBe(700n)
  await network.stopOne(child)
  await parent.opened.node.peers.pause('kid', BY)
  const again = await start('', { database, secret: randomBytes(32) })
  expect((await again.opened.node.stats()).address).toBe('test.parent.kid')
})

test('a token is sealed in the database, and a peer whose token cannot be read any more comes paused', async () => {
  const secret = randomBytes(32)
  const database = await network.newDatabase()
  const node = await start('test.a', { database, secret })
  const link = { kind: 'btp-client', url: 'ws://127.0.0.1:9/btp', token: TOKEN } as const
  await addPeer(node.opened, peerTerms('far', 'drop', link))
  const [row] = await database.db.selectFrom('ilp_peers').selectAll().execute()
  expect(JSON.stringify({ ...row, added_at: '', changed_at: '' })).not.toContain(TOKEN)
  expect(
    createSecretBox(secret)
      .open(row?.sealed_token ?? '', 'ilp-peer:far')
      ?.toString(),
  ).toBe(TOKEN)
  expect(JSON.stringify(await node.opened.node.peers.list(), (_k, v) => String(v))).not.toContain(TOKEN)
  await network.stopOne(node)
  const other = await start('test.a', { database })
  expect(await other.opened.node.peers.list()).toMatchObject([{ id: 'far', state: 'paused' }])
})

test('a payment nobody can be reached for fails, says why, and its money comes back', async () => {
  const node = await start('test.a')
  const far = await start('test.far')
  const request = { key: 'k', to: `${far.url}/pay/${KEY}`, asset: 'drop', send: 10n } as const
  const paid = await node.opened.node.payments.pay(request, BY)
  expect(paid).toMatchObject({
    ok: true,
    value: { state: 'failed', sent: 0n, reason: expect.stringMatching(/F02/) },
  })
  expect(await balanceOf(node, 'expenses/payments', 'drop')).toBe(0n)
  const poor = await node.opened.node.payments.pay(
    { ...request, key: 'k2', from: `liabilities/credit/${KEY}` },
    BY,
  )
  expect(poor).toMatchObject({ ok: false, refusal: { code: 'SHORT_FUNDS' } })
  expect(await node.opened.node.payments.show('k2')).toMatchObject({
    ok: false,
    refusal: { code: 'NOT_FOUND' },
  })
  await expectBalancedBooks()
})

test('a payment that a crash has cut short is interrupted at the next start, and its rest goes back', async () => {
  const database = await network.newDatabase()
  const before = await start('test.a', { database })
  await network.stopOne(before)
  const { db } = database
  const store = new PaymentStore({ db, clock: systemClock, term: await beginTestTerm(db) })
  const payment = {
    key: 'cut',
    destination: 'https://x.example',
    sourcePath: 'expenses/payments',
    asset: 'drop',
  } as const
  const ledger = testLedger(database)
  const purse = `liabilities/payments/${createHash('sha256').update('cut').digest('hex').slice(0, 32)}`
  const entries = [
    { path: 'expenses/payments', asset: 'drop', side: 'debit', amount: 100n },
    { path: purse, asset: 'drop', side: 'credit', amount: 100n },
  ] as const
  await store.begin({ ...payment, maxSend: 100n, contentHash: Buffer.alloc(32) }, (tx) =>
    ledger.postIn(tx, [{ key: 'begin', memo: '', entries }]),
  )
  // Of it 30 were sent before the crash.
  const sent = [
    { path: purse, asset: 'drop', side: 'debit', amount: 30n },
    { path: 'assets/peer/b', asset: 'drop', side: 'credit', amount: 30n },
  ] as const
  await ledger.post([{ key: 'packet', memo: '', entries: sent }])
  const node = await start('test.a', { database })
  expect(await node.opened.node.payments.show('cut')).toMatchObject({
    value: { state: 'interrupted', sent: 30n, reason: expect.stringMatching(/INTERRUPTED/) },
  })
  expect(await balanceOf(node, 'expenses/payments', 'drop')).toBe(30n)
  expect(await balanceOf(node, purse, 'drop')).toBe(0n)
  await expectBalancedBooks()
})

test('what cannot be is refused in words, and peers are paused, resumed and closed', async () => {
  const [a, b] = [await start('test.a'), await start('test.b')]
  await network.join(b, a, 'drop', ['b', 'a'])
  const { node } = a.opened
  const refusalOf = async (terms: Parameters<typeof peerTerms>) => node.peers.add(peerTerms(...terms), BY)
  const server = { kind: 'btp-server', tokenHash: tokenHashOf('x') } as const
  expect(await refusalOf(['b', 'drop', server])).toMatchObject({ refusal: { code: 'CONFLICT' } })
  expect(await refusalOf(['pay', 'drop', server])).toMatchObject({ refusal: { code: 'INVALID' } })
  expect(await node.routes.add({ prefix: 'no such scheme', peerId: 'b' }, BY)).toMatchObject({ ok: false })
  expect(await node.routes.add({ prefix: 'g', peerId: 'nobody' }, BY)).toMatchObject({ ok: false })
  expect(await node.routes.add({ prefix: 'g.far', peerId: 'b' }, BY)).toMatchObject({ ok: true })
  // The other node has just started, and may still be told of a route.
  expect(await node.ping('g.far.away')).toMatchObject({ value: { answer: expect.stringContaining('T01') } })
  await vi.waitFor(
    async () => expect(await node.peers.list()).toMatchObject([{ isConnected: true }]),
    PATIENCE,
  )
  expect(await node.peers.pause('b', BY)).toMatchObject({ value: { state: 'paused', isConnected: false } })
  expect(await node.ping('g.far.away')).toMatchObject({ value: { answer: expect.stringMatching(/F02|T01/) } })
  expect(await node.peers.resume('b', BY)).toMatchObject({ value: { state: 'active' } })
  await vi.waitFor(
    async () => expect(await node.peers.list()).toMatchObject([{ isConnected: true }]),
    PATIENCE,
  )
  expect(await node.peers.close('b', BY)).toMatchObject({ value: { state: 'closing' } })
  await vi.waitFor(async () => expect(await node.peers.list()).toMatchObject([{ state: 'closed' }]), PATIENCE)
  expect(await node.peers.resume('b', BY)).toMatchObject({ ok: false, refusal: { code: 'CONFLICT' } })
})

test('peers exchange packets over HTTP as well', async () => {
  const [a, b] = [await start('test.a'), await start('test.b')]
  const [toA, toB] = ['token-shown-to-a-0123456789', 'token-shown-to-b-0123456789']
  const linkTo = (there: TestNode, token: string, theirs: string) =>
    ({ kind: 'http', url: `${there.url}/ilp`, token, tokenHash: tokenHashOf(theirs) }) as const
  await addPeer(a.opened, peerTerms('b', 'drop', linkTo(b, toB, toA)))
  await addPeer(b.opened, peerTerms('a', 'drop', linkTo(a, toA, toB)))
  await vi.waitFor(async () => {
    expect((await a.opened.node.routes.list()).map(({ prefix }) => prefix)).toContain('test.b')
  }, PATIENCE)
  const to = `${b.url}/pay/${KEY}`
  const paid = await a.opened.node.payments.pay(
    { key: 'p', to, asset: 'drop', deliver: 5_000n, maxSend: 6_000n },
    BY,
  )
  expect(paid).toMatchObject({ ok: true, value: { state: 'done', sent: 5_000n, delivered: 5_000n } })
  expect(await balanceOf(b, 'assets/peer/a', 'drop')).toBe(5_000n)
  await expectBalancedBooks()
})

test('a route of the operator leads payments and pings, after a restart too, until it is removed', async () => {
  const database = await network.newDatabase()
  const secret = randomBytes(32)
  const [a, b] = [await start('test.a', { database, secret }), await start('test.b')]
  await network.join(b, a, 'drop', ['b', 'a'], { exchangesRoutes: false })
  await vi.waitFor(
    async () => expect(await a.opened.node.peers.list()).toMatchObject([{ isConnected: true }]),
    PATIENCE,
  )
  expect(await a.opened.node.ping('test.b.pay')).toMatchObject({
    value: { answer: expect.stringContaining('F02') },
  })
  expect(await a.opened.node.routes.add({ prefix: 'test.b', peerId: 'b' }, BY)).toMatchObject({ ok: true })
  await network.stopOne(a)
  const { node } = (await start('test.a', { database, secret })).opened
  expect(await node.routes.list()).toContainEqual({
    prefix: 'test.b',
    peerId: 'b',
    source: 'static',
    path: [],
  })
  await vi.waitFor(
    async () => expect(await node.peers.list()).toMatchObject([{ isConnected: true }]),
    PATIENCE,
  )
  expect(await node.ping('test.b.nobody')).toMatchObject({
    value: { answer: expect.stringContaining('F02 test.b') },
  })
  const paid = await node.payments.pay({ key: 'p', to: `${b.url}/pay/${KEY}`, asset: 'drop', send: 300n }, BY)
  expect(paid).toMatchObject({ ok: true, value: { state: 'done', sent: 300n, delivered: 300n } })
  expect(await node.ledger.getBalance({ path: 'assets/peer/b', asset: 'drop' })).toMatchObject({
    balance: -300n,
  })
  expect(await b.opened.node.ledger.getBalance({ path: 'assets/peer/a', asset: 'drop' })).toMatchObject({
    balance: 300n,
  })
  expect(await node.peers.list()).toMatchObject([{ balance: -300n, counts: { lost: 0, wrong: 0, late: 0 } }])
  expect((await node.stats()).counts).toMatchObject({ lost: 0, wrong: 0, late: 0 })
  expect(await node.routes.remove('test.b', BY)).toMatchObject({ ok: true })
  expect(await node.routes.list()).not.toContainEqual(expect.objectContaining({ prefix: 'test.b' }))
  await expectBalancedBooks()
})

test('a node without an address of its own has that of its parent as long as there is one', async () => {
  const { opened } = await start('')
  const address = async () => (await opened.node.stats()).address
  const link = { kind: 'btp-server', tokenHash: tokenHashOf(TOKEN) } as const
  await addPeer(opened, peerTerms('up', 'drop', link, { relation: 'parent' }))
  // It has not told it yet.
  expect(await address()).toBe('')
  await opened.node.peers.close('up', BY)
  await vi.waitFor(async () => expect(await address()).toBe('private.test'), PATIENCE)
})

test('a node that fails at its start leaves no link open', async () => {
  const database = await network.newDatabase()
  const secret = randomBytes(32)
  const [a, b] = [await start('test.a', { database, secret }), await start('test.b')]
  await network.join(b, a, 'drop', ['b', 'a'])
  await network.stopOne(a)
  const isConnected = async () => (await b.opened.node.peers.list())[0]?.isConnected
  await vi.waitFor(async () => expect(await isConnected()).toBe(false), PATIENCE)
  const logger = pino({
    hooks: {
      logMethod(args, log) {
        if (args.some((arg) => arg === 'interledger.started')) throw new Error('at the very end')
        if (process.env.STOA_TEST_LOG !== undefined) log.apply(this, args)
      },
    },
  })
  await expect(start('test.a', { database, secret, given: (deps) => ({ ...deps, logger }) })).rejects.toThrow(
    'at the very end',
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(await isConnected()).toBe(false)
})

test('a node that cannot be made closes its books', async () => {
  const database = await network.newDatabase()
  const begun = vi.spyOn(globalThis, 'setInterval')
  const ended = vi.spyOn(globalThis, 'clearInterval')
  const derive = () => {
    throw new Error('no secret')
  }
  await expect(
    start('test.a', { database, given: (deps) => ({ ...deps, secret: { ...deps.secret, derive } }) }),
  ).rejects.toThrow('no secret')
  const timers = begun.mock.results.map(({ value }) => value)
  expect(timers).not.toEqual([])
  for (const timer of timers) expect(ended).toHaveBeenCalledWith(timer)
})
