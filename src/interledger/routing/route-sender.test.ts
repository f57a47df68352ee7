import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { peerAnswer } from '../ildcp/index.ts'
import type { LinkAnswer } from '../link.ts'
import type { PeerRelation } from '../peer.ts'
import { type CcpUpdate, decodeCcpUpdate, NO_TABLE } from './ccp-packet.ts'
import { ForwardingLog } from './forwarding-log.ts'
import { RouteSender } from './route-sender.ts'

/** A sender to a peer that keeps its answers until it is told to give them. */
function senderToPeer({ maxWithdrawn = 1_000 } = {}) {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  let tables = 0
  const log = new ForwardingLog({ newTableId: () => String(++tables).padStart(32, '0'), maxWithdrawn })
  const told: CcpUpdate[] = []
  const answers: ((answer: LinkAnswer) => void)[] = []
  const sender = new RouteSender({
    peer: { id: 'peer', relation: 'peer' },
    log,
    ownAddress: () => 'g.us',
    send: (prepare) => {
      const update = decodeCcpUpdate(prepare.data)
      if (update.ok) told.push(update.value)
      return new Promise((resolve) => answers.push(resolve))
    },
    clock,
    holdDownMs: 45_000,
    carriesPeerToPeer: false,
  })
  return {
    log,
    sender,
    told,
    /** Announced, and by whom it is reached: peers hear of what children lead to. */
    announce: (prefix: string, relation: PeerRelation = 'child') =>
      log.record(prefix, {
        prefix,
        path: ['g.us'],
        auth: Buffer.alloc(32),
        via: { peerId: 'via', relation },
      }),
    ask: () => sender.control({ mode: 'sync', tableId: NO_TABLE, epoch: 0, features: [] }),
    async tick(): Promise<void> {
      clock.advanceMs(250)
      sender.tick()
      for (const resolve of answers.splice(0)) resolve(peerAnswer())
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const prefixesOf = ({ newRoutes, withdrawn }: CcpUpdate) => [newRoutes.map(({ prefix }) => prefix), withdrawn]

test('a neighbour that asks anew while an update is under way is told everything again', async () => {
  const peer = senderToPeer()
  peer.announce('g.a')
  peer.ask()
  peer.sender.tick()
  peer.ask()
  await peer.tick()
  await peer.tick()
  expect(peer.told.map((update) => [update.fromEpoch, ...prefixesOf(update)])).toEqual([
    [0, ['g.a'], []],
    [0, ['g.a'], []],
  ])
})

test('nothing is withdrawn of what a neighbour never heard, or knows already to be gone', async () => {
  const peer = senderToPeer()
  peer.announce('g.hidden', 'parent')
  peer.announce('g.a')
  peer.ask()
  await peer.tick()
  peer.announce('g.a', 'parent')
  await peer.tick()
  peer.log.record('g.hidden', undefined)
  peer.log.record('g.a', undefined)
  await peer.tick()
  expect(peer.told.map(prefixesOf)).toEqual([
    [['g.a'], []],
    [[], ['g.a']],
    [[], []],
  ])
})

test('when our table begins anew, a neighbour is told it from its beginning', async () => {
  const peer = senderToPeer({ maxWithdrawn: 2 })
  peer.announce('g.stays')
  for (const prefix of ['g.a', 'g.b', 'g.c']) peer.announce(prefix)
  peer.ask()
  await peer.tick()
  for (const prefix of ['g.a', 'g.b', 'g.c']) peer.log.record(prefix, undefined)
  await peer.tick()
  const [first, second] = peer.told
  expect(second?.tableId).not.toBe(first?.tableId)
  expect(second).toMatchObject({ fromEpoch: 0, toEpoch: 1, currentEpoch: 1, withdrawn: [] })
  expect(second?.newRoutes.map(({ prefix }) => prefix)).toEqual(['g.stays'])
  await peer.tick()
  expect(peer.told).toHaveLength(2)
})
