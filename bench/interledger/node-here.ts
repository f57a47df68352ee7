/** Connector, books and receivers in this process, with links that are no more than a call: what a packet costs without a wire. */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { openPacketBooks } from '../../src/interledger/books/index.ts'
import { createConnector, PeerBook } from '../../src/interledger/connector/index.ts'
import { peerTerms } from '../../src/interledger/node/testing/index.ts'
import { RateTable } from '../../src/interledger/rates/index.ts'
import { RouteTable } from '../../src/interledger/routing/index.ts'
import { createStreamServer } from '../../src/interledger/stream/index.ts'
import { streamPackets } from '../../src/interledger/stream/testing/index.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { createLedger } from '../../src/ledger/index.ts'
import { createMemoryBus } from '../../src/platform/bus/index.ts'
import type { Database } from '../../src/platform/database/index.ts'
import { beginTestTerm } from '../../src/platform/leadership/testing/index.ts'
import { forwardedPackets, fulfilForwarded } from './forwarded-packets.ts'
import type { MakePacket, Send } from './traffic.ts'

export interface NodeHere {
  /** From the peer `alice`. */
  readonly send: Send
  /** For the peer `bob`, who counts in another asset. */
  readonly toPeer: MakePacket
  readonly toReceiver: MakePacket
  stop(): Promise<void>
}

const HOLD_MS = 30_000
const ADDRESS = 'test.node'
const AMOUNT = 1_000n

export async function openNodeHere({ db }: Database): Promise<NodeHere> {
  const clock = systemClock
  const logger = pino({ level: 'silent' })
  const ledger = createLedger({ db, bus: createMemoryBus(), clock, logger })
  const peers = new PeerBook({ clock, maxHoldMs: HOLD_MS })
  const assetOf = (id: string) => (id === 'bob' ? 'usdc' : 'drop')
  const link = { kind: 'btp-server', tokenHash: '' } as const
  for (const id of ['alice', 'bob']) peers.set(peerTerms(id, assetOf(id), link), 'active')
  peers.attach('bob', {
    kind: 'local',
    isConnected: true,
    send: async (prepare) => fulfilForwarded(prepare),
    ask: async () => undefined,
    close: async () => {},
  })
  const books = await openPacketBooks({ db, ledger, clock, logger, assetOf, term: await beginTestTerm(db) })
  const routes = new RouteTable()
  routes.configure([
    { source: 'own', prefix: ADDRESS },
    { source: 'static', prefix: 'test.bob', peerId: 'bob', relation: 'peer' },
  ])
  const rates = RateTable.parse({ prices: { XRP: '0.5', USDC: '1' }, spreadPpm: 2_000 })
  if (!rates.ok) throw new Error(rates.refusal)
  const server = createStreamServer({
    serverAddress: () => `${ADDRESS}.pay`,
    secret: randomBytes(32),
    asset: 'drop',
    clock,
    accountOf: () => ({ path: 'revenue/received', asset: 'drop' }),
  })
  const connector = createConnector({
    ownAddress: () => ADDRESS,
    peers,
    routes,
    rates: () => rates.value,
    books,
    unresolved: books.unresolved,
    reconciler: { lost: async () => undefined },
    receivers: [{ segment: 'pay', asset: 'drop', decide: (prepare) => server.decide(prepare) }],
    peerProtocols: new Map(),
    clock,
    notify: () => {},
    maxHoldMs: HOLD_MS,
  })
  const toServer = streamPackets(server.credentials({ tag: Buffer.alloc(0) }))
  return {
    send: (prepare) => connector.handle('alice', prepare),
    toPeer: forwardedPackets('test.bob.wallet'),
    toReceiver: () => toServer(AMOUNT),
    stop: async () => {
      await connector.close()
      await books.close()
      await ledger.stop()
    },
  }
}
