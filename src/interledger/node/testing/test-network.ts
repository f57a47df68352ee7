import { AppError, type Asset } from '../../../kernel/index.ts'
import type { Ledger } from '../../../ledger/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { testDatabase } from '../../../platform/database/testing/index.ts'
import type { PeerTerms } from '../../peer.ts'
import type { OpenNodeDeps } from '../opened-node.ts'
import { startTestNode, type TestNode, type TestNodeOptions } from './test-node.ts'
import { addPeer, peerTerms, tokenHashOf } from './test-peers.ts'

/** Nodes and databases of one test. */
export class TestNetwork {
  readonly #databases: Database[] = []
  readonly #nodes = new Set<TestNode>()

  get nodes(): ReadonlySet<TestNode> {
    return this.#nodes
  }

  async newDatabase(): Promise<Database> {
    const database = await testDatabase({ poolSize: 4 })
    this.#databases.push(database)
    return database
  }

  async start(address: string, options: Partial<TestNodeOptions> = {}): Promise<TestNode> {
    const node = await startTestNode({
      database: options.database ?? (await this.newDatabase()),
      ...options,
      settings: { address, ...options.settings },
    })
    this.#nodes.add(node)
    return node
  }

  /** `to` connects to `from`'s BTP server; they call each other by these names. */
  async join(
    from: TestNode,
    to: TestNode,
    asset: Asset,
    [fromName, toName]: readonly [string, string],
    others: Partial<PeerTerms> = {},
  ): Promise<void> {
    const token = `a-token-that-nobody-guesses-${fromName}-${toName}`
    const server = { kind: 'btp-server', tokenHash: tokenHashOf(token) } as const
    const url = `${from.url.replace('http', 'ws')}/btp`
    await addPeer(from.opened, peerTerms(toName, asset, server, others))
    await addPeer(to.opened, peerTerms(fromName, asset, { kind: 'btp-client', url, token }, others))
  }

  /** Before the test is over. */
  async stopOne(node: TestNode): Promise<void> {
    this.#nodes.delete(node)
    await node.stop()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.stop()))
    await Promise.all(this.#databases.map((database) => database.close()))
  }
}

/** The bookings of packets are refused so, and nothing else is; undefined: they are taken. */
export interface PacketTrouble {
  error: Error | undefined
}

/** What the books take for a database that is away, and what they take for their end. */
export const DATABASE_AWAY = new Error('there is no way to the database')
export const BOOKS_BROKEN = new AppError('INTERNAL', 'nothing will mend this')

export function troubled(deps: OpenNodeDeps, trouble: PacketTrouble): OpenNodeDeps {
  const { ledger } = deps
  const postIn: Ledger['postIn'] = async (tx, transfers) => {
    const isOfPackets = transfers.some(({ key }) => key.startsWith('ilp:'))
    if (isOfPackets && trouble.error !== undefined) throw trouble.error
    return ledger.postIn(tx, transfers)
  }
  return { ...deps, ledger: { ...ledger, postIn, postingAtOnce: () => undefined } }
}
