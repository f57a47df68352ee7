import { hash } from 'node:crypto'
import type { Asset, ManualClock } from '../../../kernel/index.ts'
import type { PacketIntent } from '../../books.ts'
import type { LocalReceiver } from '../../local-receiver.ts'
import type { IlpFulfill, IlpPrepare, IlpReject } from '../../packet/index.ts'
import type { PeerLimits, PeerTerms } from '../../peer.ts'
import { RateTable } from '../../rates/index.ts'
import { type Connector, type ConnectorDeps, createConnector } from '../connector.ts'
import { PeerBook } from '../peer-book.ts'
import type { ConnectorNotice, NextHop, Reconciler } from '../ports.ts'
import { MemoryBooks } from './memory-books.ts'

export const MAX_HOLD_MS = 30_000
const NO_DATA = Buffer.alloc(0)

const LIMITS: PeerLimits = {
  maxReceivable: 1_000_000n,
  maxPayable: 1_000_000n,
  maxPacketAmount: 100_000n,
  maxPacketsPerSecond: 10_000,
  maxInFlight: 100,
  minMessageWindowMs: 1_000,
}

export function peerTerms(id: string, asset: Asset, limits: Partial<PeerLimits> = {}): PeerTerms {
  return {
    id,
    relation: 'peer',
    asset,
    link: { kind: 'btp-server', tokenHash: '' },
    limits: { ...LIMITS, ...limits },
    settlement: { rail: undefined, threshold: 0n, target: 0n },
    exchangesRoutes: false,
  }
}

export function ratesOf(prices: Record<string, string>, spreadPpm = 0): RateTable {
  const table = RateTable.parse({ prices, spreadPpm })
  if (!table.ok) throw new Error(table.refusal)
  return table.value
}

let packets = 0

export interface PacketOptions {
  readonly amount?: bigint
  readonly destination: string
  readonly expiresAtMs: number
  readonly data?: Buffer
}

/** A Prepare like no other, and the Fulfill that fits it. */
export function testPacket({ amount = 100n, destination, expiresAtMs, data }: PacketOptions): {
  readonly prepare: IlpPrepare
  readonly fulfill: IlpFulfill
} {
  const fulfillment = Buffer.alloc(32)
  fulfillment.writeUInt32BE(++packets)
  const executionCondition = hash('sha256', fulfillment, 'buffer')
  return {
    prepare: {
      type: 'prepare',
      amount,
      expiresAtMs,
      executionCondition,
      destination,
      data: data ?? Buffer.from(`packet ${packets}`),
    },
    fulfill: { type: 'fulfill', fulfillment, data: Buffer.from('thanks') },
  }
}

export function testReject(code: string, data: Buffer = NO_DATA): IlpReject {
  return { type: 'reject', code, triggeredBy: 'test.far-away', message: 'no', data }
}

export interface TestNode {
  readonly connector: Connector
  readonly peers: PeerBook
  readonly books: MemoryBooks
  readonly notices: ConnectorNotice[]
  /** By the longest prefix of the destination. */
  readonly routes: Map<string, NextHop>
  /** What was asked of the reconciler, and how it answers. */
  readonly lost: PacketIntent[]
  reconcile: Reconciler['lost']
}

export interface TestNodeOptions {
  readonly clock: ManualClock | ConnectorDeps['clock']
  readonly address: string
  readonly peers: readonly PeerTerms[]
  readonly rates?: RateTable
  readonly receivers?: readonly LocalReceiver[]
  readonly deps?: Partial<ConnectorDeps>
}

export function testNode({
  clock,
  address,
  peers: terms,
  rates = ratesOf({}),
  receivers = [],
  deps = {},
}: TestNodeOptions): TestNode {
  const peers = new PeerBook({ clock, maxHoldMs: MAX_HOLD_MS })
  for (const peer of terms) peers.set(peer, 'active')
  const books = new MemoryBooks((id) => peers.figures(id)!.terms.asset)
  const routes = new Map<string, NextHop>([[address, { local: true }]])
  const notices: ConnectorNotice[] = []
  const node: Omit<TestNode, 'connector'> = {
    peers,
    books,
    notices,
    routes,
    lost: [],
    reconcile: () => Promise.resolve(undefined),
  }
  const connector = createConnector({
    ownAddress: () => address,
    peers,
    routes: { nextHop: (destination) => longestPrefix(routes, destination) },
    rates: () => rates,
    books,
    unresolved: [],
    reconciler: {
      lost: (intent, answerByMs) => {
        node.lost.push(intent)
        return node.reconcile(intent, answerByMs)
      },
    },
    receivers,
    peerProtocols: new Map(),
    clock,
    notify: (notice) => notices.push(notice),
    maxHoldMs: MAX_HOLD_MS,
    ...deps,
  })
  return Object.assign(node, { connector })
}

function longestPrefix(routes: ReadonlyMap<string, NextHop>, destination: string): NextHop | undefined {
  const segments = destination.split('.')
  while (segments.length > 0) {
    const hop = routes.get(segments.join('.'))
    if (hop !== undefined) return hop
    segments.pop()
  }
  return undefined
}
