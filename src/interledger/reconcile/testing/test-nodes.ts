/**
 * Nodes a - b - c in one process, each with its own database, that pass packets on as the connector does, over links that
 * lose what they are told to. A node crashes by losing its term, as when another process takes over: what it was writing
 * is written or not, what it had in memory is gone.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { systemClock } from '../../../kernel/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { fulfillmentOf, type TestBooks, testBooks } from '../../books/testing/test-books.ts'
import type { PacketId, PacketIntent } from '../../books.ts'
import { createReconciler, type Reconciler } from '../index.ts'

/** What becomes of a packet on its way from a to c. */
export interface Fortune {
  /** The hop (1: from a to b) where the Prepare, or its answer, is lost. */
  readonly prepareLostAt?: 1 | 2
  readonly answerLostAt?: 1 | 2
  readonly isRefused: boolean
  /** How long the receiver takes. */
  readonly slowMs: number
}

interface Prepare {
  readonly number: number
  readonly id: PacketId
  readonly expiresAtMs: number
  readonly fortune: Fortune
}

interface Run {
  readonly node: TestNode
  readonly books: TestBooks
  readonly reconciler: Reconciler
  readonly crashed: Promise<'lost'>
  readonly crash: () => void
  readonly isUp: () => boolean
}

export interface TestNode {
  readonly name: string
  readonly database: Database
  run: Run
}

/** Nothing is said, neither Fulfill nor Reject. */
type Reply = Buffer | 'reject' | 'lost'

const HOLD_MS = 800
const WINDOW_MS = 100
const AMOUNT = 10n
export const RECEIVER = { path: 'liabilities/credit/receiver', asset: 'msat' } as const
export const SENDER = { path: 'equity/sender', asset: 'msat' } as const

export class TestChain {
  readonly nodes: readonly TestNode[] = []
  /** Every third answer to a question is lost. */
  #questions = 0

  static async open(databases: readonly Database[]): Promise<TestChain> {
    const chain = new TestChain()
    for (const [index, database] of databases.entries()) {
      const node = { name: 'abc'[index]!, database } as TestNode
      node.run = await chain.#begin(node, await nextTerm(database))
      ;(chain.nodes as TestNode[]).push(node)
    }
    return chain
  }

  /** @param downMs until it is up again. */
  async crash(node: TestNode, downMs: number): Promise<void> {
    const old = node.run
    old.crash()
    const term = await nextTerm(node.database)
    await delay(downMs)
    node.run = await this.#begin(node, term)
    for (const other of this.nodes) if (other !== node) other.run.reconciler.opened(node.name)
    await old.reconciler.stop()
    await old.books.stop()
  }

  /** Sends a packet from a, in whatever run it is. */
  async send(number: number, fortune: Fortune): Promise<Reply> {
    const [a] = this.nodes as [TestNode]
    const from = { kind: 'account', account: SENDER } as const
    return this.#passOn(a.run, 0, { number, id: '', expiresAtMs: Date.now() + HOLD_MS, fortune }, from)
  }

  get unresolved(): number {
    return this.nodes.reduce(
      (sum, { run }) => sum + run.reconciler.unresolved + run.books.books.stats.open,
      0,
    )
  }

  async close(): Promise<void> {
    for (const { run } of this.nodes) {
      await run.reconciler.stop()
      await run.books.stop()
    }
  }

  async #begin(node: TestNode, term: number): Promise<Run> {
    const books = await testBooks(node.database, { term: { term, duty: 'ilp' } })
    const { promise: crashed, resolve } = Promise.withResolvers<'lost'>()
    let isUp = true
    const crash = () => {
      isUp = false
      resolve('lost')
    }
    const reconciler = createReconciler({
      books: books.books,
      linkOf: (peerId) => this.#linkTo(node.name, peerId),
      maxLossPerDay: () => 2n ** 64n,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    })
    reconciler.start()
    return { node, books, reconciler, crashed, crash, isUp: () => isUp }
  }

  #linkTo(from: string, peerId: string) {
    const there = () => this.nodes.find(({ name }) => name === peerId)?.run
    return {
      get isConnected() {
        return there()?.isUp() === true
      },
      ask: async (_protocol: string, data: Buffer) => {
        const isAnswerLost = ++this.#questions % 3 === 0
        const run = there()
        if (run?.isUp() !== true) return undefined
        const answer = await run.reconciler.answer(from, data)
        return isAnswerLost ? undefined : answer
      },
    }
  }

  async #passOn(run: Run, hop: number, arrival: Prepare, from: PacketIntent['from']): Promise<Reply> {
    const { number, fortune } = arrival
    const next = this.nodes[hop + 1]!
    const expiresAtMs = arrival.expiresAtMs - WINDOW_MS
    const id = createHash('sha256').update(`${hop} ${number}`).digest('hex').slice(0, 32)
    const intent: PacketIntent = {
      id,
      incomingId: arrival.id,
      from,
      to: { kind: 'peer', peerId: next.name },
      incomingAmount: AMOUNT,
      outgoingAmount: AMOUNT,
      incomingExpiresAtMs: arrival.expiresAtMs,
      outgoingExpiresAtMs: expiresAtMs,
      executionCondition: createHash('sha256').update(fulfillmentOf(number)).digest(),
    }
    const { books } = run.books
    try {
      await books.intend(intent)
      let reply = await this.#carry(run, next, hop + 1, { number, id, expiresAtMs, fortune })
      if (reply === 'lost' || Date.now() >= expiresAtMs)
        reply = (await run.reconciler.lost(intent, arrival.expiresAtMs)) ?? 'reject'
      if (reply === 'reject') books.reject(id, intent.to)
      else await books.fulfil(intent, reply)
      return reply
    } catch (error) {
      return isEnded(error) ? 'reject' : 'lost'
    }
  }

  /** Over a link, and back. */
  async #carry(run: Run, next: TestNode, hop: number, prepare: Prepare): Promise<Reply> {
    const { fortune, expiresAtMs } = prepare
    if (fortune.prepareLostAt === hop) return 'lost'
    const there = next.run
    if (!there.isUp()) return 'lost'
    const handled = hop === 2 ? deliver(there, prepare) : this.#passOn(there, hop, prepare, fromPeer(run))
    const expired = delay(Math.max(0, expiresAtMs - Date.now()), 'lost' as const)
    const reply = await Promise.race([handled, there.crashed, run.crashed, expired])
    return fortune.answerLostAt === hop ? 'lost' : reply
  }
}

/** Waits for what the run before is committing, as `beginTerm` does. */
async function nextTerm({ db }: Database): Promise<number> {
  const { rows } = await sql<{ term: bigint }>`
    UPDATE ilp_leadership_terms SET term = term + 1 RETURNING term`.execute(db)
  return Number(rows[0]?.term)
}

function fromPeer({ node }: Run): PacketIntent['from'] {
  return { kind: 'peer', peerId: node.name }
}

async function deliver(run: Run, { number, id, expiresAtMs, fortune }: Prepare): Promise<Reply> {
  await delay(fortune.slowMs)
  if (fortune.isRefused) return 'reject'
  const intent: PacketIntent = {
    id,
    incomingId: id,
    from: { kind: 'peer', peerId: 'b' },
    to: { kind: 'account', account: RECEIVER },
    incomingAmount: AMOUNT,
    outgoingAmount: AMOUNT,
    incomingExpiresAtMs: expiresAtMs,
    outgoingExpiresAtMs: expiresAtMs,
    executionCondition: createHash('sha256').update(fulfillmentOf(number)).digest(),
  }
  try {
    await run.books.books.fulfil(intent, fulfillmentOf(number))
    return fulfillmentOf(number)
  } catch (error) {
    return isEnded(error) ? 'reject' : 'lost'
  }
}

function isEnded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ILP_PACKET_ENDED'
}
