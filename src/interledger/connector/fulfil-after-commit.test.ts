/** The connector with the real books: a Fulfill goes upstream behind the commit, whatever that waits for. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { type TestBooks, testBooks } from '../books/testing/test-books.ts'
import type { IlpReply } from '../packet/index.ts'
import { TestLink } from './testing/test-link.ts'
import { peerTerms, type TestNode, testNode, testPacket } from './testing/test-node.ts'

const EXPIRES_IN_MS = 25_000
const PATIENCE = { timeout: 20_000, interval: 10 }
const ACCOUNT = { path: 'liabilities/credit/carol', asset: 'msat' } as const

let database: Database
let run: TestBooks
let node: TestNode
const packet = () => testPacket({ destination: 'x', expiresAtMs: systemClock.nowMs() + EXPIRES_IN_MS })
let sent: ReturnType<typeof packet>

beforeEach(async () => {
  database = await testDatabase()
  run = await testBooks(database)
  sent = packet()
  node = testNode({
    clock: systemClock,
    address: 'test.us',
    peers: [peerTerms('alice', 'msat'), peerTerms('bob', 'msat')],
    receivers: [
      {
        segment: 'carol',
        asset: 'msat',
        decide: () => ({
          isAccepted: true,
          creditTo: ACCOUNT,
          fulfillment: sent.fulfill.fulfillment,
          booked: () => sent.fulfill,
          notBooked: () => {},
        }),
      },
    ],
    deps: { books: run.books },
  })
  node.routes.set('test.bob', { peerId: 'bob' })
})
afterEach(async () => {
  await node.connector.close()
  await run.stop()
  await database.close()
})

/** Begins a transaction that lets nobody write the journal. */
async function lockJournal(): Promise<{ readonly release: () => Promise<void> }> {
  const { promise: released, resolve } = Promise.withResolvers<void>()
  const { promise: locked, resolve: isLocked } = Promise.withResolvers<void>()
  const holding = database.db.transaction().execute(async (tx) => {
    await sql`LOCK TABLE ilp_journal IN SHARE ROW EXCLUSIVE MODE`.execute(tx)
    isLocked()
    await released
  })
  await locked
  return {
    release: () => {
      resolve()
      return holding
    },
  }
}

/** Resolves when the books stand before the lock. */
async function booksWait(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql`SELECT FROM pg_locks
      WHERE relation = 'ilp_journal'::regclass AND NOT granted`.execute(database.db)
    expect(rows).toHaveLength(1)
  }, PATIENCE)
}

test.each(['test.bob.shop', 'test.us.carol.invoice'])(
  'no Fulfill for %s leaves before its money is committed',
  async (destination) => {
    const lock = Promise.withResolvers<Awaited<ReturnType<typeof lockJournal>>>()
    const bob = new TestLink(async () => {
      // By now it is written that the packet has left.
      lock.resolve(await lockJournal())
      return sent.fulfill
    })
    node.peers.attach('bob', bob)
    if (!destination.startsWith('test.bob')) lock.resolve(await lockJournal())
    let reply: IlpReply | undefined
    const answered = node.connector.handle('alice', { ...sent.prepare, destination }).then((answer) => {
      reply = answer
    })
    const { release } = await lock.promise
    await booksWait()
    await delay(100)
    expect(reply).toBeUndefined()
    expect(await run.peerBalance('alice')).toBe(0n)
    expect(node.peers.figures('alice')).toMatchObject({ balance: 0n, incoming: { packets: 1 } })
    await release()
    await answered
    expect(reply).toEqual(sent.fulfill)
    expect(await run.peerBalance('alice')).toBe(100n)
    expect(node.peers.figures('alice')?.balance).toBe(100n)
  },
)
