import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { peerTermsSchema } from './index.ts'
import { addPeer, peerTerms, TestNetwork, type TestNode, tokenHashOf } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 20_000, interval: 20 }
const BY = { actor: 'cli', role: 'cli' }

let network: TestNetwork

beforeEach(() => {
  network = new TestNetwork()
})
afterEach(() => network.stop())

async function startPair(): Promise<readonly [a: TestNode, b: TestNode]> {
  const [a, b] = [await network.start('test.a'), await network.start('test.b')]
  await network.join(b, a, 'drop', ['b', 'a'])
  await vi.waitFor(async () => expect(await prefixesOf(a)).toContain('test.b'), PATIENCE)
  return [a, b]
}

async function prefixesOf({ opened }: TestNode): Promise<readonly string[]> {
  return (await opened.node.routes.list()).map(({ prefix }) => prefix)
}

const serverLink = (token: string) => ({ kind: 'btp-server', tokenHash: tokenHashOf(token) }) as const

test('what was being closed when the program ended is closed at the next start', async () => {
  const database = await network.newDatabase()
  const before = await network.start('test.a', { database })
  await addPeer(before.opened, peerTerms('b', 'drop', serverLink('b')))
  await network.stopOne(before)
  await database.db.updateTable('ilp_peers').set({ state: 'closing' }).execute()
  const { node } = (await network.start('test.a', { database })).opened
  await vi.waitFor(async () => expect(await node.peers.list()).toMatchObject([{ state: 'closed' }]), PATIENCE)
  const rows = await database.db.selectFrom('ilp_peers').select('state').execute()
  expect(rows).toEqual([{ state: 'closed' }])
})

test('changes of one peer at the same time are made one after the other, and none is lost', async () => {
  const { node } = (await network.start('test.a')).opened
  const terms = peerTerms('b', 'drop', serverLink('b'))
  expect(await node.peers.add(terms, BY)).toMatchObject({ ok: true })
  const limits = { ...terms.limits, maxReceivable: 7n }
  await Promise.all([
    node.peers.change('b', { limits }, BY),
    node.peers.change('b', { exchangesRoutes: false }, BY),
    node.peers.pause('b', BY),
  ])
  expect(await node.peers.list()).toMatchObject([{ limits, exchangesRoutes: false, state: 'paused' }])
})

test('of two parents that are added at the same time one is refused', async () => {
  const { node } = (await network.start('')).opened
  const parent = (id: string) => peerTerms(id, 'drop', serverLink(id), { relation: 'parent' })
  const added = await Promise.all([node.peers.add(parent('x'), BY), node.peers.add(parent('y'), BY)])
  expect(added.map(({ ok }) => ok)).toEqual([true, false])
  expect(await node.peers.list()).toHaveLength(1)
})

test('a hundred changes may wait; the next is refused', async () => {
  const { node } = (await network.start('test.a')).opened
  await node.peers.add(peerTerms('b', 'drop', serverLink('b')), BY)
  const changes = await Promise.all(
    Array.from({ length: 101 }, () => node.peers.change('b', { exchangesRoutes: false }, BY)),
  )
  expect(changes.filter(({ ok }) => ok)).toHaveLength(100)
  expect(changes.at(-1)).toMatchObject({ ok: false, refusal: { code: 'BUSY' } })
})

test('other limits leave the link as it is; another token does not', async () => {
  const [a, b] = await startPair()
  const { limits } = a.opened.peerTermsOf('b')!
  const { node } = b.opened
  const changed = await node.peers.change('a', { limits: { ...limits, maxPayable: 5n } }, BY)
  expect(changed).toMatchObject({ value: { isConnected: true, limits: { maxPayable: 5n } } })
  expect(b.opened.peerTermsOf('a')?.limits.maxPayable).toBe(5n)
  expect(await node.peers.resume('a', BY)).toMatchObject({ value: { isConnected: true } })
  const cut = await node.peers.change('a', { link: serverLink('another') }, BY)
  expect(cut).toMatchObject({ value: { isConnected: false } })
})

test('routes are taken back and told again when the operator says so, over the same link', async () => {
  const [a, b] = await startPair()
  const { node } = a.opened
  expect(await node.peers.change('b', { exchangesRoutes: false }, BY)).toMatchObject({
    value: { isConnected: true },
  })
  expect(await prefixesOf(a)).not.toContain('test.b')
  await node.peers.change('b', { exchangesRoutes: true }, BY)
  await vi.waitFor(async () => {
    expect(await prefixesOf(a)).toContain('test.b')
    expect(await prefixesOf(b)).toContain('test.a')
  }, PATIENCE)
})

test('terms of a peer are there until it is closed', async () => {
  const { opened } = await network.start('test.a')
  expect(opened.peerTermsOf('b')).toBeUndefined()
  await addPeer(opened, peerTerms('b', 'drop', serverLink('b')))
  expect(opened.peerTermsOf('b')).toBe(opened.peers()[0])
  await opened.node.peers.close('b', BY)
  await vi.waitFor(() => expect(opened.peerTermsOf('b')).toBeUndefined(), PATIENCE)
  expect(opened.peers()).toEqual([])
})

test.each(['wss://host:99999', 'wss://'])('%s is refused as the address of a peer', (url) => {
  const terms = { id: 'b', relation: 'peer', asset: 'drop', link: { kind: 'btp-client', url, token: 't' } }
  expect(peerTermsSchema.safeParse(terms).success).toBe(false)
})
