import { expect, test } from 'vitest'
import { peerRequest } from '../ildcp/index.ts'
import type { PeerRelation } from '../peer.ts'
import { CCP_CONTROL, CCP_UPDATE, type CcpUpdate, encodeCcpUpdate } from './ccp-packet.ts'
import { FIRST_UPDATE, routeTo, TABLE, testExchange } from './testing/test-exchange.ts'

const RELATIONS = { peer: 'peer', other: 'peer', parent: 'parent', kid: 'child' } as const
const STATIC = { prefix: 'g.static', peerId: 'other' }

function withNeighbours() {
  return testExchange({ relations: RELATIONS, local: { staticRoutes: [STATIC] } })
}

const HIJACKS: readonly [what: string, from: string, prefix: string][] = [
  ['our own address', 'peer', 'g.us'],
  ['an address below ours', 'peer', 'g.us.somebody'],
  ["a child's address", 'peer', 'g.us.kid'],
  ["what is below a child's address", 'parent', 'g.us.kid.wallet'],
  ['what the operator leads elsewhere', 'peer', 'g.static'],
  ['a part of what the operator leads elsewhere', 'parent', 'g.static.part'],
  ['everything', 'peer', ''],
  ['a scheme alone', 'peer', 'g'],
  ['another scheme', 'peer', 'test.somewhere'],
  ['addresses within a node', 'parent', 'self.somewhere'],
]

test.each(HIJACKS)(
  'a neighbour that leads to %s (%s, "%s") is told F00, and only the rest is learned',
  (_, from, prefix) => {
    const node = withNeighbours()
    const before = node.table.best(prefix)
    const hop = node.table.nextHop(`${prefix || 'g'}.x`)
    const newRoutes = [routeTo('g.honest'), routeTo(prefix), routeTo('g.honest-too')]
    expect(node.tell({ newRoutes }, from)).toMatchObject({ type: 'reject', code: 'F00', triggeredBy: 'g.us' })
    expect(node.table.best(prefix)).toEqual(before)
    expect(node.table.nextHop(`${prefix || 'g'}.x`)).toEqual(hop)
    expect(node.table.learnedFrom(from)).toBe(2)
    expect(node.table.nextHop('g.honest.x')).toEqual({ peerId: from })
    expect(node.exchange.facts().find(({ peerId }) => peerId === from)).toMatchObject({
      learned: 2,
      refused: 1,
    })
    // It need not say everything again: what it has said is known.
    expect(node.tell({ newRoutes: [], fromEpoch: 1 }, from)).toMatchObject({ type: 'fulfill' })
  },
)

test('a child leads to its own address and what is below, a parent to everything, and whom a static route leads to, to parts of it', () => {
  const node = withNeighbours()
  const speaker = 'g.us.kid'
  const ofKid = [routeTo('g.us.kid', [speaker]), routeTo('g.us.kid.wallet', [speaker])]
  expect(node.tell({ speaker, newRoutes: ofKid }, 'kid').type).toBe('fulfill')
  expect(node.tell({ speaker, newRoutes: [routeTo('g.far', [speaker])], fromEpoch: 1 }, 'kid')).toMatchObject(
    { code: 'F00' },
  )
  expect(node.table.nextHop('g.far')).toEqual({ peerId: 'parent' })
  expect(node.tell({ newRoutes: [routeTo(''), routeTo('g')] }, 'parent').type).toBe('fulfill')
  expect(node.tell({ newRoutes: [routeTo('g.static.part')] }, 'other').type).toBe('fulfill')
  expect(node.table.nextHop('g.static.part.x')).toEqual({ peerId: 'other' })
})

test('a route that leads through us is nobody’s fault, and not taken', () => {
  const node = withNeighbours()
  expect(node.tell({ newRoutes: [routeTo('g.far', ['g.peer', 'g.us', 'g.far'])] }).type).toBe('fulfill')
  expect(node.table.best('g.far')).toBeUndefined()
})

test('a neighbour that leaves itself out of a path looks no nearer for it', () => {
  const node = withNeighbours()
  node.tell({ newRoutes: [routeTo('g.far', [])] })
  expect(node.table.best('g.far')).toMatchObject({ path: ['g.peer'] })
})

const SENSELESS: readonly [what: string, from: string, code: string, update: Partial<CcpUpdate>][] = [
  ['epochs that run backwards', 'peer', 'F00', { fromEpoch: 1, toEpoch: 0 }],
  ['more epochs than there are', 'peer', 'F00', { toEpoch: 2, currentEpoch: 1 }],
  [
    'far epochs',
    'peer',
    'F00',
    { fromEpoch: 4_000_000_000, toEpoch: 4_000_000_001, currentEpoch: 4_000_000_001 },
  ],
  ['another table from its middle', 'peer', 'F00', { tableId: 'cd'.repeat(16), fromEpoch: 1, toEpoch: 1 }],
  ['our own address as its own', 'peer', 'F00', { speaker: 'g.us' }],
  ['an address that we did not give it', 'kid', 'F00', { speaker: 'g.us.other-kid' }],
]

test.each(SENSELESS)(
  'an update with %s (%s) is rejected with %s, and changes nothing',
  (_, from, code, wrong) => {
    const node = withNeighbours()
    node.tell({ newRoutes: [routeTo('g.known')] })
    const size = node.table.size
    const newRoutes = [routeTo('g.us.kid.x'), routeTo('g.new')]
    expect(node.tell({ newRoutes, withdrawn: ['g.known'], ...wrong }, from)).toMatchObject({
      type: 'reject',
      code,
    })
    expect(node.table.size).toBe(size)
    expect(node.table.nextHop('g.known')).toEqual({ peerId: 'peer' })
  },
)

test('who leaves a gap is asked to fill it, at most once a second whatever it sends', async () => {
  const node = testExchange()
  node.tell({})
  await node.pass(5_000)
  const asked = node.controls.length
  for (let sent = 0; sent < 20; sent++) {
    expect(node.tell({ fromEpoch: 5, toEpoch: 6, currentEpoch: 6 })).toMatchObject({ code: 'F00' })
    await node.pass(250)
  }
  expect(node.controls.length - asked).toBeGreaterThanOrEqual(4)
  expect(node.controls.length - asked).toBeLessThanOrEqual(6)
  expect(node.controls.at(-1)?.control).toEqual({ mode: 'sync', tableId: TABLE, epoch: 1, features: [] })
})

test('a neighbour that tells more routes than it may is rejected with F00, and what it told before stays', () => {
  const node = testExchange({ limits: { maxRoutesPerPeer: 10 } })
  const routes = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => routeTo(`g.n${from + index}`))
  expect(node.tell({ newRoutes: routes(0, 8) }).type).toBe('fulfill')
  expect(node.tell({ newRoutes: routes(8, 11), fromEpoch: 1, toEpoch: 2, currentEpoch: 2 })).toMatchObject({
    code: 'F00',
  })
  expect(node.table.learnedFrom('peer')).toBe(8)
  const withdrawn = ['g.n0', 'g.n1']
  const swapped = { newRoutes: routes(8, 11), withdrawn, fromEpoch: 1, toEpoch: 2, currentEpoch: 2 }
  expect(node.tell(swapped).type).toBe('fulfill')
  expect(node.table.learnedFrom('peer')).toBe(9)
})

test('when the table is full, who tells more is rejected with T03, and who tells less is heard', () => {
  const node = testExchange({ relations: { peer: 'peer', other: 'peer' }, limits: { maxRoutes: 4 } })
  expect(node.tell({ newRoutes: [routeTo('g.a'), routeTo('g.b')] }).type).toBe('fulfill')
  const others = { speaker: 'g.other', newRoutes: [routeTo('g.c'), routeTo('g.d')] }
  expect(node.tell(others, 'other')).toMatchObject({ type: 'reject', code: 'T03' })
  expect(node.table.learnedFrom('other')).toBe(0)
  expect(node.tell({ withdrawn: ['g.b'], fromEpoch: 1 }).type).toBe('fulfill')
  expect(node.tell(others, 'other').type).toBe('fulfill')
  expect(node.table.size).toBe(4)
})

test('a route that the table has no room for is not acknowledged: T03, and told again it is learned', () => {
  const node = testExchange({ relations: { peer: 'peer', other: 'peer' }, limits: { maxRoutes: 4 } })
  // Heard and not learned, so that they take no room.
  expect(node.tell({ newRoutes: [routeTo('g.us.a'), routeTo('g.us.b')] })).toMatchObject({ code: 'F00' })
  const others = { speaker: 'g.other', newRoutes: [routeTo('g.c'), routeTo('g.d')] }
  expect(node.tell(others, 'other').type).toBe('fulfill')
  const swapped = {
    newRoutes: [routeTo('g.a'), routeTo('g.b')],
    withdrawn: ['g.us.a', 'g.us.b'],
    fromEpoch: 1,
    toEpoch: 2,
    currentEpoch: 2,
  }
  expect(node.tell(swapped)).toMatchObject({ type: 'reject', code: 'T03' })
  expect(node.table.size).toBe(4)
  expect(node.exchange.facts().find(({ peerId }) => peerId === 'peer')).toMatchObject({ learned: 1 })
  expect(node.tell({ speaker: 'g.other', withdrawn: ['g.d'], fromEpoch: 1 }, 'other').type).toBe('fulfill')
  expect(node.tell(swapped).type).toBe('fulfill')
  expect(node.table.learnedFrom('peer')).toBe(2)
})

test('packets that are no request between neighbours are rejected, each with its code', () => {
  const node = withNeighbours()
  const nowMs = node.clock.nowMs()
  const good = peerRequest({ destination: CCP_CONTROL, nowMs, waitMs: 1 })
  const answers: readonly [code: string, from: string, wrong: Partial<typeof good>][] = [
    ['R00', 'peer', { expiresAtMs: nowMs }],
    ['F03', 'peer', { amount: 1n }],
    ['F00', 'peer', { executionCondition: Buffer.alloc(32) }],
    ['F00', 'peer', { data: Buffer.from('nonsense') }],
    ['F00', 'peer', { destination: CCP_UPDATE, data: Buffer.alloc(32_767, 1) }],
    ['F02', 'peer', { destination: 'peer.route.other' }],
    ['F00', 'stranger', {}],
  ]
  for (const [code, from, wrong] of answers) {
    expect(node.exchange.onPrepare(from, { ...good, ...wrong })).toMatchObject({ type: 'reject', code })
  }
})

test('with a neighbour that exchanges no routes none are exchanged', async () => {
  const node = testExchange({ relations: { peer: 'peer' } })
  node.tell({ newRoutes: [routeTo('g.far')] })
  node.control()
  node.exchange.open({ id: 'peer', relation: 'peer' satisfies PeerRelation, exchangesRoutes: false })
  expect(node.table.best('g.far')).toBeUndefined()
  const sent = node.controls.length + node.updates.length
  await node.pass(60_000)
  expect(node.controls.length + node.updates.length).toBe(sent)
  expect(node.tell({})).toMatchObject({ code: 'F00' })
})

test('while we have no address nothing is learned (T00) and nothing told', async () => {
  const node = testExchange({ local: { ownAddress: undefined } })
  expect(node.tell({ newRoutes: [routeTo('g.far')] })).toMatchObject({ code: 'T00', triggeredBy: '' })
  expect(node.control().type).toBe('fulfill')
  await node.pass(20_000)
  expect(node.updates).toEqual([])
})

test('who says it knows epochs that never were is told F00', async () => {
  const node = testExchange()
  node.control()
  await node.pass(250)
  const { tableId } = node.updates[0]!.update
  expect(node.control({ tableId, epoch: 4_000_000_000 })).toMatchObject({ type: 'reject', code: 'F00' })
})

test('a hostile update of the largest size is decided about in one go and leaves nothing behind', () => {
  const node = testExchange()
  const newRoutes = Array.from({ length: 600 }, (_, index) => routeTo(`g.us.${index}`))
  expect(encodeCcpUpdate({ ...FIRST_UPDATE, newRoutes }).length).toBeGreaterThan(30_000)
  expect(node.tell({ newRoutes })).toMatchObject({ code: 'F00' })
  expect(node.table.learnedFrom('peer')).toBe(0)
  expect([...node.table.bestRoutes()].map(({ prefix }) => prefix)).toEqual(['g.us'])
})
