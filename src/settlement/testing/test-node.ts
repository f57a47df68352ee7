/** Two nodes that settle with each other, each with its own database and ledger, and one network between them. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Clock, createManualClock, type ManualClock } from '../../kernel/index.ts'
import { createLedger, type LedgerService } from '../../ledger/index.ts'
import { createMemoryBus } from '../../platform/bus/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import {
  createSettlement,
  type PartySource,
  type PartyTerms,
  type Rail,
  type Settlement,
  type SettlementDeps,
} from '../index.ts'

/** What a rail brings along to be tried: two wallets on one network of its own. */
export interface RailNetwork {
  readonly clock: ManualClock
  /** The rail as a node opens it at its start; the same wallet each time. */
  openRail(who: 'alice' | 'bob'): Rail
  /** Puts so much into a wallet. */
  fund(who: 'alice' | 'bob', amount: bigint): Promise<void>
  /** Time passes until what was sent before is final. */
  finalise(): Promise<void>
  /** The last block never was; what it held may come again. Absent where blocks are final. */
  undoLastBlock?(): Promise<void>
  /** One block, and no more. */
  oneBlock(): Promise<void>
  dispose(): Promise<void>
}

export interface TestNode {
  readonly rail: Rail
  readonly settlement: Settlement
  readonly ledger: LedgerService
  readonly database: Database
  /** The terms on which it settles with the other. */
  readonly terms: { threshold: bigint; target: bigint }
  /** Changes of the other's balance that the node was told of. */
  readonly booked: bigint[]
  /** What the other owes us. */
  balance(): Promise<bigint>
  /** Books a debt as packets do: positive when the other owes us more. */
  owe(amount: bigint): Promise<void>
  /** Everything that was kept in memory is gone. */
  restart(): void
}

export interface TwoNodes {
  readonly network: RailNetwork
  readonly alice: TestNode
  readonly bob: TestNode
  /** False loses every question on the way. */
  link: { isUp: boolean }
  /** Until nothing changes any more: rounds of both, and what they send becomes final. */
  quiet(): Promise<void>
  dispose(): Promise<void>
}

const QUIET_ROUNDS = 6
/** The clock's, in each round of becoming quiet. */
export const QUIET_STEP_MS = 400_000

/** Rounds of all settlements, until what they send is final and known to each. */
export async function becomeQuiet(
  { clock, finalise }: Pick<RailNetwork, 'clock' | 'finalise'>,
  settlements: readonly Pick<Settlement, 'flush'>[],
): Promise<void> {
  for (let round = 0; round < QUIET_ROUNDS; round++) {
    clock.advanceMs(QUIET_STEP_MS)
    for (const settlement of settlements) await settlement.flush()
    await finalise()
  }
}

export async function twoNodes(network: RailNetwork): Promise<TwoNodes> {
  const link = { isUp: true }
  const answers: { alice?: TestNode; bob?: TestNode } = {}
  const ask = (to: 'alice' | 'bob', from: string) => async (data: Buffer) =>
    link.isUp ? answers[to]?.settlement.answer(`peer/${from}`, data) : undefined
  const [alice, bob] = await Promise.all([
    testNode(network, 'alice', 'bob', ask('bob', 'alice')),
    testNode(network, 'bob', 'alice', ask('alice', 'bob')),
  ])
  answers.alice = alice
  answers.bob = bob
  return {
    network,
    alice,
    bob,
    link,
    quiet: () => becomeQuiet(network, [alice.settlement, bob.settlement]),
    dispose: async () => {
      await Promise.all(
        [alice, bob].map(async (node) => {
          await node.settlement.stop()
          await node.ledger.stop()
          await node.database.close()
        }),
      )
      await network.dispose()
    },
  }
}

async function testNode(
  network: RailNetwork,
  self: 'alice' | 'bob',
  other: string,
  ask: (data: Buffer) => Promise<Buffer | undefined>,
): Promise<TestNode> {
  const { clock } = network
  const database = await testDatabase()
  const ledger = testLedger(database, clock)
  const terms = { threshold: 1_000n, target: 0n }
  const booked: bigint[] = []
  const asset = network.openRail(self).info.asset
  const account = { path: `assets/peer/${other}`, asset }
  let keys = 0
  const make = () => {
    const rail = network.openRail(self)
    const party = (): PartyTerms => ({ name: other, asset, rail: rail.name, ...terms })
    const source = {
      ...sourceOf(party, ask),
      onBooked: (_: string, change: bigint) => void booked.push(change),
    }
    return { rail, settlement: testSettlement({ database, ledger, clock, rail, source }) }
  }
  let made = make()
  return {
    get rail() {
      return made.rail
    },
    get settlement() {
      return made.settlement
    },
    ledger,
    database,
    terms,
    booked,
    balance: async () => (await ledger.balance(account)).balance,
    owe: async (amount) => {
      const [mine, theirs] = amount > 0n ? (['debit', 'credit'] as const) : (['credit', 'debit'] as const)
      const size = amount > 0n ? amount : -amount
      const entries = [
        { ...account, side: mine, amount: size },
        { path: 'equity/packets', asset, side: theirs, amount: size },
      ]
      const [posted] = await ledger.post([{ key: `owe:${keys++}`, entries, memo: 'packets' }])
      if (posted?.ok !== true) throw new Error(`not posted: ${JSON.stringify(posted)}`)
    },
    restart: () => {
      made = make()
    },
  }
}

/** One party, whatever it is asked by. */
export function sourceOf(
  terms: () => PartyTerms,
  ask: (data: Buffer) => Promise<Buffer | undefined>,
): PartySource {
  return {
    kind: 'peer',
    find: (name) => (name === terms().name ? terms() : undefined),
    list: () => [terms()],
    ask: (_, data) => ask(data),
    onBooked: () => {},
  }
}

export function testLedger(database: Database, clock: Clock): LedgerService {
  return createLedger({ db: database.db, bus: createMemoryBus(), clock, logger: pino({ level: 'silent' }) })
}

export function testSettlement(deps: {
  readonly database: Database
  readonly ledger: LedgerService
  readonly clock: Clock
  readonly rail: Rail
  readonly source: PartySource
  /** Where it is to be others than what suits a test. */
  readonly timing?: Pick<SettlementDeps, 'railTimeoutMs' | 'roundMs'>
}): Settlement {
  const { database, ledger, clock, rail, source, timing = {} } = deps
  const logger = pino({ level: process.env.STOA_TEST_LOG ?? 'silent' })
  return createSettlement({
    db: database.db,
    ledger,
    rails: [rail],
    parties: [source],
    clock,
    logger,
    // A test moves the clock by hours, and the network's word is as old as the last round.
    maxUnseenMs: 2 * QUIET_STEP_MS,
    railTimeoutMs: 2_000,
    ...timing,
  })
}

/** A payment that nobody has asked for before. */
export function paying(amount: bigint): { readonly key: string; readonly amount: bigint } {
  return { key: randomUUID(), amount }
}

/** A folder that goes with the test. */
export function testFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'stoa-settlement-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export const TEST_START_MS = 1_700_000_000_000
export const testClock = () => createManualClock(TEST_START_MS)
