import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { createMemoryNode, type MemoryNode, peerTerms } from './interledger/node/testing/index.ts'
import { accepted, RefusedError, refused } from './kernel/index.ts'
import { createMemoryBus } from './platform/bus/index.ts'
import { LeaderLine } from './platform/leadership/index.ts'
import { answerForNode, farDesks, type NodeDesks } from './stoa-node-line.ts'
import type { NodeSettlementDesk } from './stoa-settlement-desk.ts'

const BY = { actor: 'cli', role: 'cli' }
const logger = pino({ level: 'silent' })

let memory: MemoryNode
let lines: readonly LeaderLine[] = []

beforeEach(() => {
  memory = createMemoryNode()
  const bus = createMemoryBus()
  lines = [new LeaderLine(bus, logger, 'ilp'), new LeaderLine(bus, logger, 'ilp')]
})
afterEach(() => {
  for (const line of lines) line.close()
})

/** The desks of a node in another process; it knows the settlement calls that are given. */
function farFrom(settlement: Partial<NodeSettlementDesk> = {}): NodeDesks {
  const desks = { node: memory.node, settlement: { ...far(refusing).settlement, ...settlement } }
  const [here, there] = lines
  here?.answer((what) => answerForNode(desks, what))
  return far((...question) => there!.ask(...question))
}

function far(ask: LeaderLine['ask']): NodeDesks {
  return farDesks({ ask }, () => undefined)
}

const NOBODY = { code: 'UNAVAILABLE', text: 'nobody answers' }
const refusing: LeaderLine['ask'] = async () => refused(NOBODY)

test('what the line refuses is refused, and never an empty list or a node without numbers', async () => {
  const { node, settlement } = far(refusing)
  for (const asked of [
    node.peers.list(),
    node.routes.list(),
    node.stats(),
    settlement.orders(),
    settlement.figures(),
    settlement.listChannels(),
  ]) {
    const fault = await asked.catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(RefusedError)
    expect(fault).toMatchObject({ refusal: NOBODY })
  }
  expect(await node.payments.show('k')).toEqual(refused(NOBODY))
  expect(await settlement.settle('peer/bob', { key: 'k' })).toEqual(refused(NOBODY))
  await expect(node.ledger.getBalance({ path: 'assets/peer/bob', asset: 'msat' })).rejects.toBeInstanceOf(
    RefusedError,
  )
})

test('however many peers and routes there are, all of them come over the line', async () => {
  const url = `wss://peer.example/${'x'.repeat(400)}`
  for (let index = 0; index < 4_000; index++) {
    await memory.node.peers.add(
      peerTerms(`peer-${index}`, 'msat', { kind: 'btp-client', url, token: 'x' }),
      BY,
    )
    await memory.node.routes.add(
      { prefix: `test.${'far.'.repeat(100)}n${index}`, peerId: `peer-${index}` },
      BY,
    )
  }
  const { node } = farFrom()
  const peers = await node.peers.list()
  expect(peers).toEqual(await memory.node.peers.list())
  expect(peers).toHaveLength(4_000)
  const page = { limit: 3_500, after: 'test.far' }
  expect(await node.routes.list(page)).toEqual(await memory.node.routes.list(page))
  expect(await node.routes.list()).toHaveLength(100)
  expect(await node.stats()).toMatchObject({ address: 'test.memory', isActive: false, peers: 4_000 })
})

test('amounts, bytes and what is left out arrive as they were sent', async () => {
  const heard: unknown[] = []
  const { settlement } = farFrom({
    recordClaim: async (...args) => {
      heard.push(args)
      return accepted(2n ** 70n)
    },
    channelState: async () => undefined,
    claimAllChannels: async (...args) => {
      heard.push(args)
      return ['order-1']
    },
  })
  const claim = {
    rail: 'stub',
    channelId: 'c',
    asset: 'msat',
    amount: 2n ** 80n,
    nonce: 1n,
    binding: undefined,
  }
  const use = { binding: undefined, credit: { path: 'liabilities/credit/a', asset: 'msat' } } as const
  const signed = { claim, signature: Buffer.from('00ff', 'hex') } as const
  expect(await settlement.recordClaim(signed as never, use)).toEqual(accepted(2n ** 70n))
  expect(await settlement.claimAllChannels(undefined)).toEqual(['order-1'])
  expect(await settlement.channelState({ rail: 'stub', id: 'c' })).toBeUndefined()
  expect(heard).toEqual([[signed, use], [undefined]])
})

test('a question that this version does not know is refused', async () => {
  const answer = await answerForNode(
    { node: memory.node, settlement: far(refusing).settlement },
    { call: 'x', args: '[]' },
  )
  expect(answer).toMatchObject({ ok: false, refusal: { code: 'UNAVAILABLE' } })
})
