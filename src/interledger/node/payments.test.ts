import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  BOOKS_BROKEN,
  DATABASE_AWAY,
  type PacketTrouble,
  TestNetwork,
  type TestNode,
  troubled,
} from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 30_000, interval: 20 }
const BY = { actor: 'cli', role: 'cli' }
const AMOUNT = 1_000n

let network: TestNetwork

beforeEach(() => {
  network = new TestNetwork()
})
afterEach(() => network.stop())

const balanceOf = async ({ ledger }: TestNode, path: string) =>
  (await ledger.balance({ path, asset: 'drop' })).balance

function purseOf(key: string): string {
  return `liabilities/payments/${createHash('sha256').update(key).digest('hex').slice(0, 32)}`
}

/** One that pays and one that is paid; what is booked for packets of the first may be refused. */
async function startPair() {
  const payer = { database: await network.newDatabase(), secret: randomBytes(32) }
  const trouble: PacketTrouble = { error: undefined }
  const onFailed = vi.fn()
  const a = await network.start('test.a', { ...payer, onFailed, given: (deps) => troubled(deps, trouble) })
  const b = await network.start('test.b')
  await network.join(b, a, 'drop', ['b', 'a'])
  await vi.waitFor(async () => {
    expect((await a.opened.node.routes.list()).map(({ prefix }) => prefix)).toContain('test.b')
  }, PATIENCE)
  const to = `${b.url}/.well-known/pay`
  const pay = (key: string, send = AMOUNT) => a.opened.node.payments.pay({ key, to, asset: 'drop', send }, BY)
  return { a, b, payer, trouble, onFailed, to, pay }
}

test('two payments with one key and different content at the same time: one is paid, the other refused', async () => {
  const { a, b, pay } = await startPair()
  const [first, second, third] = await Promise.all([pay('k', 10n), pay('k', 20n), pay('k', 10n)])
  expect(first).toMatchObject({ ok: true, value: { state: 'done', sent: 10n } })
  expect(second).toMatchObject({ ok: false, refusal: { code: 'CONFLICT' } })
  expect(third).toEqual(first)
  expect(await balanceOf(a, 'assets/peer/b')).toBe(-10n)
  expect(await balanceOf(b, 'revenue/received')).toBe(10n)
})

test('a payment whose end cannot be written down is ended as soon as it can', async () => {
  const database = await network.newDatabase()
  let failures = 2
  const a = await network.start('test.a', {
    database,
    given: (deps) => ({
      ...deps,
      ledger: {
        ...deps.ledger,
        balance: async (account) => {
          if (account.path === purseOf('k') && failures-- > 0) throw DATABASE_AWAY
          return deps.ledger.balance(account)
        },
      },
    }),
  })
  const far = await network.start('test.far')
  const to = `${far.url}/.well-known/pay`
  const paid = await a.opened.node.payments.pay({ key: 'k', to, asset: 'drop', send: 10n }, BY)
  expect(paid).toMatchObject({
    ok: true,
    value: { state: 'failed', reason: expect.stringMatching(/F02|T01/) },
  })
  expect(failures).toBeLessThan(0)
  expect(await balanceOf(a, purseOf('k'))).toBe(0n)
})

test('a payment whose packets were not booked when the books failed is left to the next run, which pays what arrived', async () => {
  const { a, b, payer, trouble, onFailed, pay } = await startPair()
  trouble.error = BOOKS_BROKEN
  const paid = pay('k')
  await vi.waitFor(() => expect(onFailed).toHaveBeenCalled(), PATIENCE)
  const startedMs = performance.now()
  await network.stopOne(a)
  expect(performance.now() - startedMs).toBeLessThan(15_000)
  expect(await paid).toMatchObject({ value: { state: 'running' } })
  expect(await balanceOf(b, 'revenue/received')).toBe(AMOUNT)
  const again = await network.start('test.a', payer)
  expect(await balanceOf(again, 'expenses/payments')).toBe(AMOUNT)
  await vi.waitFor(async () => {
    expect(await again.opened.node.payments.show('k')).toMatchObject({
      value: { state: 'interrupted', sent: AMOUNT },
    })
  }, PATIENCE)
  expect(await balanceOf(again, 'assets/peer/b')).toBe(-AMOUNT)
  expect(await balanceOf(again, purseOf('k'))).toBe(0n)
})

test('a node whose database is away stops all the same, and leaves its payments to the next run', async () => {
  const { a, b, trouble, pay } = await startPair()
  trouble.error = DATABASE_AWAY
  const paid = pay('k')
  await vi.waitFor(async () => expect(await balanceOf(b, 'revenue/received')).toBe(AMOUNT), PATIENCE)
  await network.stopOne(a)
  expect(await paid).toMatchObject({ value: { state: 'running' } })
})

test('a node whose database is away stops while a packet of a peer waits to be booked', async () => {
  const trouble: PacketTrouble = { error: DATABASE_AWAY }
  const a = await network.start('test.a')
  const b = await network.start('test.b', { given: (deps) => troubled(deps, trouble) })
  await network.join(b, a, 'drop', ['b', 'a'])
  await vi.waitFor(async () => {
    expect((await a.opened.node.routes.list()).map(({ prefix }) => prefix)).toContain('test.b')
  }, PATIENCE)
  const paid = a.opened.node.payments.pay(
    { key: 'k', to: `${b.url}/.well-known/pay`, asset: 'drop', send: AMOUNT },
    BY,
  )
  await vi.waitFor(() => expect(b.opened.figures().books.waiting).toBeGreaterThan(0), PATIENCE)
  await Promise.all([network.stopOne(a), network.stopOne(b)])
  expect(await paid).toMatchObject({ value: { state: expect.stringMatching(/running|interrupted/) } })
})

test.each([
  ['assets/peer/b', /peer/],
  [purseOf('another'), /another payment/],
])('nothing is paid from %s', async (from, why) => {
  const { opened } = await network.start('test.a')
  const request = { key: 'k', to: 'https://127.0.0.1:1/pay/x', from, asset: 'drop', send: 5n } as const
  expect(await opened.node.payments.pay(request, BY)).toMatchObject({
    ok: false,
    refusal: { code: 'INVALID', text: expect.stringMatching(why) },
  })
})

test.each([
  [{}, /exactly one/],
  [{ send: 1n, deliver: 1n }, /exactly one/],
  [{ send: 0n }, /above zero/],
  [{ deliver: -5n }, /above zero/],
])('a quote for %o is refused before anybody is asked', async (amounts, why) => {
  const { opened } = await network.start('test.a')
  expect(
    await opened.node.payments.quote({ to: 'https://127.0.0.1:1/pay/x', asset: 'drop', ...amounts }),
  ).toMatchObject({ ok: false, refusal: { code: 'INVALID', text: expect.stringMatching(why) } })
})
