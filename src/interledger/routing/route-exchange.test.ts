import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { NO_TABLE } from './ccp-packet.ts'
import { routeTo, SECRET, TABLE, testExchange } from './testing/test-exchange.ts'

const byText = (a: readonly unknown[], b: readonly unknown[]) => String(a).localeCompare(String(b))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest()

test('a neighbour is asked for its routes when its link opens, and ever more seldom when it does not take the question', async () => {
  const node = testExchange()
  expect(node.controls).toEqual([
    { to: 'peer', control: { mode: 'sync', tableId: NO_TABLE, epoch: 0, features: [] } },
  ])
  node.answerWith(() => ({ type: 'lost' }))
  node.exchange.open({ id: 'peer', relation: 'peer', exchangesRoutes: true })
  await node.pass(500)
  expect(node.controls).toHaveLength(2)
  // After one second, two more, four, eight, sixteen; then every thirty.
  await node.pass(1_000)
  expect(node.controls).toHaveLength(3)
  await node.pass(28_000)
  expect(node.controls).toHaveLength(6)
  await node.pass(60_000)
  expect(node.controls).toHaveLength(8)
})

test('nobody is told anything before it asks, and then everything that it may hear', async () => {
  const node = testExchange({
    relations: { peer: 'peer', friend: 'peer', parent: 'parent', kid: 'child' },
    local: {
      staticRoutes: [
        { prefix: 'g.kids-net', peerId: 'kid' },
        { prefix: 'g', peerId: 'kid' },
      ],
    },
  })
  node.tell({ newRoutes: [routeTo('g.far', ['g.peer', 'g.far'])] })
  await node.pass(20_000)
  expect(node.updates).toEqual([])
  for (const id of ['peer', 'friend', 'parent', 'kid']) node.control({}, id)
  await node.pass(500)
  const told = Object.fromEntries(
    node.updates.map(({ to, update }) => [
      to,
      update.newRoutes.map(({ prefix, path }) => `${prefix} by ${path}`).sort(),
    ]),
  )
  const forAll = ['g.kids-net by g.us', 'g.us by g.us']
  expect(told).toEqual({
    peer: forAll,
    friend: forAll,
    parent: forAll,
    kid: ['g.far by g.us,g.peer,g.far', 'g.us by g.us'],
  })
})

test('a route that begins here carries what only we can have made, and one passed on the hash of what came', async () => {
  const node = testExchange({ relations: { peer: 'peer', kid: 'child' } })
  node.tell({ newRoutes: [routeTo('g.far')] })
  node.control({}, 'kid')
  await node.pass(500)
  const auths = new Map(
    node.updates.flatMap(({ update }) => update.newRoutes).map(({ prefix, auth }) => [prefix, auth]),
  )
  const root = createHmac('sha256', SECRET).update('g.us').digest()
  expect(auths.get('g.us')).toEqual(sha256(root))
  expect(auths.get('g.far')).toEqual(sha256(routeTo('g.far').auth))
})

test('after that only changes are told, and every third of the hold-down time that there are none', async () => {
  const node = testExchange({ relations: { peer: 'peer', kid: 'child' }, holdDownMs: 30_000 })
  node.control({}, 'kid')
  await node.pass(35_000)
  expect(node.updates.map(({ update }) => [update.newRoutes.length, update.holdDownMs])).toEqual([
    [1, 30_000],
    [0, 30_000],
    [0, 30_000],
    [0, 30_000],
  ])
  node.tell({ newRoutes: [routeTo('g.far')] })
  await node.pass(250)
  expect(node.updates.at(-1)?.update).toMatchObject({
    fromEpoch: 1,
    toEpoch: 2,
    newRoutes: [{ prefix: 'g.far' }],
  })
  node.tell({ withdrawn: ['g.far'], fromEpoch: 1, toEpoch: 2, currentEpoch: 2 })
  await node.pass(250)
  expect(node.updates.at(-1)?.update).toMatchObject({
    fromEpoch: 2,
    toEpoch: 3,
    newRoutes: [],
    withdrawn: ['g.far'],
  })
})

test('a neighbour that knows a part of our table is told the rest, and one that knows another table everything', async () => {
  const node = testExchange({ relations: { peer: 'peer', kid: 'child' } })
  node.control({}, 'kid')
  await node.pass(250)
  node.tell({ newRoutes: [routeTo('g.far')] })
  await node.pass(250)
  const { tableId } = node.updates[0]!.update
  node.control({ tableId, epoch: 1 }, 'kid')
  await node.pass(250)
  expect(node.updates.at(-1)?.update).toMatchObject({
    fromEpoch: 1,
    toEpoch: 2,
    newRoutes: [{ prefix: 'g.far' }],
  })
  node.control({ tableId: TABLE, epoch: 1 }, 'kid')
  await node.pass(250)
  expect(node.updates.at(-1)?.update.newRoutes).toHaveLength(2)
  node.control({ mode: 'idle', tableId, epoch: 2 }, 'kid')
  const told = node.updates.length
  await node.pass(60_000)
  expect(node.updates).toHaveLength(told)
})

test('a neighbour that does not take our updates is told again three times in a hold-down time, not more', async () => {
  const node = testExchange({ holdDownMs: 30_000 })
  node.answerWith(() => ({
    type: 'reject',
    code: 'F00',
    triggeredBy: '',
    message: '',
    data: Buffer.alloc(0),
  }))
  node.control()
  await node.pass(60_000)
  expect(node.updates).toHaveLength(6)
  node.answerWith(() => ({ type: 'unsent' }))
  node.control()
  await node.pass(250)
  expect(node.updates).toHaveLength(7)
})

test('a large table is told in as many updates as it takes, one after the other, and none is told twice', async () => {
  const node = testExchange({ relations: { peer: 'peer', kid: 'child' } })
  const hop = `g.${'x'.repeat(200)}`
  const count = 900
  for (let index = 0; index < count; index += 90) {
    const newRoutes = Array.from({ length: 90 }, (_, place) =>
      routeTo(`g.n${index + place}`, ['g.peer', hop]),
    )
    const toEpoch = index + 90
    expect(node.tell({ newRoutes, fromEpoch: index, toEpoch, currentEpoch: count }).type).toBe('fulfill')
  }
  node.control({}, 'kid')
  await node.pass(250)
  const told = node.updates.flatMap(({ update }) => update.newRoutes.map(({ prefix }) => prefix))
  expect(told).toHaveLength(count + 1)
  expect(new Set(told).size).toBe(count + 1)
  expect(node.updates.length).toBe(8)
  expect(node.updates.at(-1)?.update).toMatchObject({ toEpoch: count + 1, currentEpoch: count + 1 })
  node.exchange.close('peer')
  await node.pass(250)
  expect(node.updates.slice(8).map(({ update }) => update.withdrawn.length)).toEqual([250, 250, 250, 150])
})

test('over a new connection nothing is told before the neighbour asks anew', async () => {
  const node = testExchange()
  node.control()
  await node.pass(250)
  node.exchange.open({ id: 'peer', relation: 'peer', exchangesRoutes: true })
  await node.pass(60_000)
  expect(node.updates).toHaveLength(1)
  node.control()
  await node.pass(250)
  expect(node.updates).toHaveLength(2)
})

test('an update that comes late, after a newer one, takes nothing back', () => {
  const node = testExchange()
  node.tell({ newRoutes: [routeTo('g.a')], toEpoch: 5, currentEpoch: 5 })
  const late = { withdrawn: ['g.a'], newRoutes: [routeTo('g.b')], toEpoch: 3, currentEpoch: 3 }
  expect(node.tell(late).type).toBe('fulfill')
  expect(node.table.nextHop('g.a')).toEqual({ peerId: 'peer' })
  expect(node.table.nextHop('g.b')).toBeUndefined()
  expect(node.tell({ fromEpoch: 5, toEpoch: 6, currentEpoch: 6 }).type).toBe('fulfill')
})

test('what a neighbour led to is forgotten when it is silent for its hold-down time, and it is asked anew', async () => {
  const node = testExchange()
  node.tell({ newRoutes: [routeTo('g.far')], holdDownMs: 20_000 })
  await node.pass(15_000)
  expect(node.tell({ fromEpoch: 1, holdDownMs: 20_000 }).type).toBe('fulfill')
  await node.pass(19_500)
  expect(node.table.nextHop('g.far')).toEqual({ peerId: 'peer' })
  const asked = node.controls.length
  await node.pass(750)
  expect(node.table.nextHop('g.far')).toBeUndefined()
  expect(node.controls.slice(asked).map(({ control }) => control.tableId)).toEqual([NO_TABLE])
})

test('of a new table of a neighbour everything is told before what the old one had more is forgotten', () => {
  const node = testExchange()
  node.tell({ newRoutes: [routeTo('g.stays'), routeTo('g.goes')] })
  const fresh = { tableId: 'cd'.repeat(16), currentEpoch: 2 }
  node.tell({ ...fresh, fromEpoch: 0, toEpoch: 1, newRoutes: [routeTo('g.new')] })
  expect(node.table.nextHop('g.goes')).toEqual({ peerId: 'peer' })
  node.tell({ ...fresh, fromEpoch: 1, toEpoch: 2, newRoutes: [routeTo('g.stays')] })
  expect(node.table.nextHop('g.goes')).toBeUndefined()
  expect(node.table.nextHop('g.stays')).toEqual({ peerId: 'peer' })
  expect(node.table.nextHop('g.new')).toEqual({ peerId: 'peer' })
})

test('what was learned gives way when the operator leads elsewhere, and comes back when that ends', () => {
  const node = testExchange({ relations: { peer: 'peer', other: 'peer' } })
  node.tell({ newRoutes: [routeTo('g.far.shop')] })
  node.configure({ staticRoutes: [{ prefix: 'g.far', peerId: 'other' }] })
  expect(node.table.nextHop('g.far.shop')).toEqual({ peerId: 'other' })
  node.configure()
  expect(node.table.nextHop('g.far.shop')).toEqual({ peerId: 'peer' })
})

test('with another address of our own everything is told by that, and the old one withdrawn', async () => {
  const node = testExchange({ relations: { peer: 'peer', kid: 'child' } })
  node.tell({ newRoutes: [routeTo('g.far')] })
  node.control({}, 'kid')
  await node.pass(250)
  node.configure({ ownAddress: 'g.moved' })
  await node.pass(250)
  const { update } = node.updates.at(-1)!
  expect(update.speaker).toBe('g.moved')
  expect(update.newRoutes.map(({ prefix, path }) => [prefix, path[0]]).toSorted(byText)).toEqual([
    ['g.far', 'g.moved'],
    ['g.moved', 'g.moved'],
  ])
  expect(update.withdrawn).toEqual(['g.us'])
})

test('a table that cannot hold what is configured stays as it was, in all that is told of it', async () => {
  const node = testExchange({ limits: { maxRoutes: 2 } })
  const staticRoutes = ['g.a', 'g.b', 'g.c'].map((prefix) => ({ prefix, peerId: 'peer' }))
  expect(node.configure({ ownAddress: 'g.moved', staticRoutes })).toMatchObject({
    ok: false,
    refusal: { code: 'TOO_MANY_ROUTES' },
  })
  expect(node.table.nextHop('g.us')).toEqual({ local: true })
  expect(node.tell({ newRoutes: [routeTo('g.us.x')] })).toMatchObject({ code: 'F00' })
  node.control()
  await node.pass(250)
  expect(node.updates[0]?.update).toMatchObject({
    speaker: 'g.us',
    newRoutes: [{ prefix: 'g.us', path: ['g.us'] }],
  })
})
