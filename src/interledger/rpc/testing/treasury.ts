/** A node with its books and its settlement, as the program has them, and the official client of its RPC. */
import { pino } from 'pino'
import { testDatabase } from '../../../platform/database/testing/index.ts'
import { createSettlement, type Rail, type Settlement } from '../../../settlement/index.ts'
import {
  becomeQuiet,
  QUIET_STEP_MS,
  type StubNetwork,
  stubNetwork,
} from '../../../settlement/stub/testing/index.ts'
import { startTestNode, type TestNode } from '../../node/testing/index.ts'
import type { IlpClient } from '../index.ts'
import { startTestRpc } from './rig.ts'

export type Side = 'alice' | 'bob'

export interface Treasury {
  readonly client: IlpClient
  readonly node: TestNode
  readonly rail: Rail
  readonly settlement: Settlement
  /** Breaks all connections of its clients, as a network does. */
  breakAll(): void
  stop(): Promise<void>
}

export interface TwoTreasuries {
  readonly network: StubNetwork
  readonly alice: Treasury
  readonly bob: Treasury
  /** Rounds of both settlements, until what they send is final and known to both. */
  quiet(): Promise<void>
  stop(): Promise<void>
}

export const TREASURY_ASSET = 'usdc'
const FUNDS = 1_000_000n

/** They are no peers yet. */
export async function startTwoTreasuries(): Promise<TwoTreasuries> {
  const network = stubNetwork()
  const both: { alice?: Settlement; bob?: Settlement } = {}
  const open = async (self: Side, other: Side): Promise<Treasury> => {
    await network.fund(self, FUNDS)
    const treasury = await startTreasury(self, network, (data) => both[other]?.answer(`peer/${self}`, data))
    both[self] = treasury.settlement
    return treasury
  }
  const [alice, bob] = await Promise.all([open('alice', 'bob'), open('bob', 'alice')])
  return {
    network,
    alice,
    bob,
    quiet: () => becomeQuiet(network, [alice.settlement, bob.settlement]),
    stop: async () => {
      await Promise.all([alice.stop(), bob.stop()])
      await network.dispose()
    },
  }
}

async function startTreasury(
  self: Side,
  network: StubNetwork,
  askOther: (data: Buffer) => Promise<Buffer | undefined> | undefined,
): Promise<Treasury> {
  const logger = pino({ level: process.env.STOA_TEST_LOG ?? 'silent' })
  const database = await testDatabase({ poolSize: 4 })
  const node = await startTestNode({ database, settings: { address: `test.${self}`, asset: TREASURY_ASSET } })
  const { opened, ledger } = node
  const parties = () =>
    opened.peers().map(({ id, asset, settlement }) => ({ name: id, asset, ...settlement }))
  const rail = network.openRail(self)
  const settlement = createSettlement({
    db: database.db,
    ledger,
    rails: [rail],
    parties: [
      {
        kind: 'peer',
        find: (name) => parties().find((party) => party.name === name),
        list: parties,
        ask: async (_, data) => askOther(data),
        onBooked: (name, change) => opened.noteBooked(name, change),
      },
    ],
    clock: network.clock,
    logger,
    // The clock of the network goes by hours.
    maxUnseenMs: 2 * QUIET_STEP_MS,
  })
  const rpc = await startTestRpc({ desk: { node: opened.node, settlement }, logger })
  return {
    client: rpc.client(),
    node,
    rail,
    settlement,
    breakAll: rpc.breakAll,
    stop: async () => {
      await rpc.close()
      await settlement.stop()
      await node.stop()
      await database.close()
    },
  }
}
