import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { PacketIntent, PacketQuestion } from '../books.ts'
import { UNFUNDED } from './commit-group.ts'
import {
  fulfillmentOf,
  type TestBooks,
  type TestBooksOptions,
  testBooks,
  testPacket,
} from './testing/test-books.ts'

let database: Database
const opened: TestBooks[] = []

beforeEach(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((run) => run.stop()))
  await database.close()
})

async function open(options?: TestBooksOptions): Promise<TestBooks> {
  const run = await testBooks(database, options)
  opened.push(run)
  return run
}

function questionOf({ incomingId, incomingExpiresAtMs }: PacketIntent): PacketQuestion {
  return { id: incomingId, expiresAtMs: incomingExpiresAtMs }
}

const packets = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => testPacket(first + index))

async function fulfilAll({ books }: TestBooks, intents: readonly PacketIntent[], first = 0): Promise<void> {
  await Promise.all(intents.map((intent) => books.intend(intent)))
  await Promise.all(intents.map((intent, index) => books.fulfil(intent, fulfillmentOf(first + index))))
}

async function breakConnections(times: number): Promise<void> {
  for (let done = 0; done < times; done++) {
    await delay(15)
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`
      .execute(database.db)
      .catch(() => {})
  }
}

test('a thousand packets of one moment are a few rows, and each party owes what all of them come to', async () => {
  const run = await open()
  await fulfilAll(run, packets(1_000))
  expect(await run.peerBalance('alice')).toBe(100_000n)
  expect(await run.peerBalance('bob')).toBe(-99_000n)
  expect(await run.balanceOf('revenue/routing')).toBe(1_000n)
  const rows = await database.db.selectFrom('ilp_journal').select('seq').execute()
  expect(rows.length).toBeLessThan(12)
  const { lines } = await run.ledger.statement({ path: 'assets/peer/bob', asset: 'msat' })
  expect(lines.length).toBeLessThan(8)
})

test('a conversion goes through the exchange account of both assets, and the margin is earned', async () => {
  const run = await open({ assets: { bob: 'drop' } })
  const intent = testPacket(1, { incomingAmount: 1_000n, outgoingAmount: 7n, marginAmount: 10n })
  await fulfilAll(run, [intent], 1)
  expect(await run.peerBalance('alice')).toBe(1_000n)
  expect(await run.peerBalance('bob')).toBe(-7n)
  expect(await run.balanceOf('equity/fx/msat-drop')).toBe(990n)
  expect(await run.balanceOf('equity/fx/msat-drop', 'drop')).toBe(-7n)
  expect(await run.balanceOf('revenue/routing')).toBe(10n)
})

test('a packet is posted once, however often it is fulfilled, at the same time, later, and by the next run', async () => {
  const run = await open()
  const [intent] = packets(1) as [PacketIntent]
  await run.books.intend(intent)
  await Promise.all([run.books.fulfil(intent, fulfillmentOf(0)), run.books.fulfil(intent, fulfillmentOf(0))])
  await run.books.fulfil(intent, fulfillmentOf(0))
  await run.stop()
  const next = await open()
  await expect(next.books.fulfil(intent, fulfillmentOf(0))).rejects.toMatchObject({
    code: 'ILP_PACKET_ENDED',
  })
  expect(await next.peerBalance('alice')).toBe(100n)
})

test('the next run knows what was open, given up and fulfilled, and nothing of what came to nothing', async () => {
  const run = await open()
  const all = packets(5) as [PacketIntent, PacketIntent, PacketIntent, PacketIntent, PacketIntent]
  const [asked, givenUp, rejected, fulfilled, local] = all
  await Promise.all([asked, givenUp, rejected, fulfilled].map((intent) => run.books.intend(intent)))
  run.books.reject(rejected.id, rejected.to)
  expect(await run.books.giveUp(givenUp.id, givenUp.to)).toBe(true)
  await run.books.fulfil(fulfilled, fulfillmentOf(3))
  const account = { path: 'liabilities/credit/x', asset: 'msat' as const }
  const toAccount = { ...local, id: local.incomingId, to: { kind: 'account', account } } as const
  await run.books.fulfil(toAccount, fulfillmentOf(4))
  const said = await run.books.answersFor('alice', all.map(questionOf))
  await run.stop()

  const next = await open()
  expect(next.books.unresolved).toEqual([
    { ...asked, marginAmount: 0n, isGivenUp: false },
    { ...givenUp, marginAmount: 0n, isGivenUp: true },
  ])
  expect(await next.books.answersFor('alice', all.map(questionOf))).toEqual(said)
  expect(said.map(({ state }) => state)).toEqual(['pending', 'none', 'none', 'fulfilled', 'fulfilled'])
  expect(said[4]).toEqual({ state: 'fulfilled', fulfillment: fulfillmentOf(4) })
  expect(await next.balanceOf('liabilities/credit/x')).toBe(99n)
  // It is no other peer's business.
  const stranger = await next.books.answersFor('bob', [questionOf(fulfilled)])
  expect(stranger).toEqual([{ state: 'none' }])
})

test('what was said to have come to nothing is not sent or fulfilled any more', async () => {
  const { books } = await open()
  const [sent, delivered] = packets(2) as [PacketIntent, PacketIntent]
  const said = await books.answersFor('alice', [sent, delivered].map(questionOf))
  expect(said).toEqual([{ state: 'none' }, { state: 'none' }])
  await expect(books.intend(sent)).rejects.toMatchObject({ code: 'ILP_PACKET_ENDED' })
  const account = { path: 'liabilities/credit/x', asset: 'msat' } as const
  const toAccount = { ...delivered, id: delivered.incomingId, to: { kind: 'account', account } } as const
  await expect(books.fulfil(toAccount, fulfillmentOf(1))).rejects.toMatchObject({ code: 'ILP_PACKET_ENDED' })
})

test('a packet that was given up is not fulfilled, and a rejection does not make it forgotten', async () => {
  const { books } = await open()
  const [intent] = packets(1) as [PacketIntent]
  await books.intend(intent)
  expect(await books.giveUp(intent.id, intent.to)).toBe(true)
  await expect(books.fulfil(intent, fulfillmentOf(0))).rejects.toMatchObject({ code: 'ILP_PACKET_ENDED' })
  books.reject(intent.id, intent.to)
  expect(books.stats).toMatchObject({ open: 1, givenUp: 1 })
  books.forget(intent.id, intent.to)
  expect(books.stats).toMatchObject({ open: 0, givenUp: 0 })
})

test('a packet that is under way to a peer is not sent to it a second time', async () => {
  const { books } = await open()
  const [intent] = packets(1) as [PacketIntent]
  await books.intend(intent)
  const twin = {
    ...intent,
    incomingId: testPacket(9).incomingId,
    from: { kind: 'peer', peerId: 'carol' },
  } as const
  await expect(books.intend(twin)).rejects.toMatchObject({ code: 'ILP_PACKET_REPEATED' })
})

/** The same packet of Alice once more, as it leaves when it comes again: it expires later there. */
const again = (intent: PacketIntent): PacketIntent => ({
  ...intent,
  id: testPacket(99).id,
  outgoingExpiresAtMs: intent.outgoingExpiresAtMs + 5_000,
})

test('a fulfilled packet that comes again is not sent again', async () => {
  const run = await open()
  const [intent] = packets(1) as [PacketIntent]
  await fulfilAll(run, [intent])
  await expect(run.books.intend(again(intent))).rejects.toMatchObject({ code: 'ILP_PACKET_REPEATED' })
  const account = { path: 'liabilities/credit/x', asset: 'msat' } as const
  const toAccount = { ...intent, id: intent.incomingId, to: { kind: 'account', account } } as const
  await expect(run.books.fulfil(toAccount, fulfillmentOf(0))).rejects.toMatchObject({
    code: 'ILP_PACKET_ENDED',
  })
  expect(await run.peerBalance('alice')).toBe(100n)
})

test('a packet that was let in is never fulfilled for nothing, whatever an earlier run is found to have fulfilled', async () => {
  const run = await open()
  const [intent] = packets(1) as [PacketIntent]
  await fulfilAll(run, [intent])
  await run.stop()
  const next = await open()
  await next.books.intend(again(intent))
  // A refusal has the journal looked up, for what it knows of the first time.
  expect(await next.books.writeOff('alice', [questionOf(intent)], 0n)).toEqual({
    isSettled: [false],
    amount: 0n,
  })
  await next.books.fulfil(again(intent), fulfillmentOf(0))
  expect(await next.peerBalance('alice')).toBe(200n)
  expect(await next.peerBalance('bob')).toBe(-198n)
})

test('however much a peer asks, others are still told what came to nothing', async () => {
  const { books } = await open()
  const expiresAtMs = Date.now() + 60_000
  const asked = Array.from({ length: 250_000 }, (_, index) => ({
    id: index.toString(16).padStart(32, '0'),
    expiresAtMs,
  }))
  const answers = []
  for (let first = 0; first < asked.length; first += 1_000)
    answers.push(...(await books.answersFor('alice', asked.slice(first, first + 1_000))))
  expect(answers[0]).toEqual({ state: 'none' })
  expect(answers.at(-1)).toEqual({ state: 'pending' })
  expect(await books.answersFor('bob', asked.slice(0, 1))).toEqual([{ state: 'none' }])
})

test('who asks about a whole day is answered about a minute of it, and asks on', async () => {
  const run = await open()
  const startMs = Date.now() - 3_600_000
  const all = packets(5).map((packet, minute) => ({
    ...packet,
    incomingExpiresAtMs: startMs + minute * 45_000,
  }))
  await fulfilAll(run, all)
  await run.stop()
  const { books } = await open()
  const statesOf = async (asked: readonly PacketIntent[]) =>
    (await books.answersFor('alice', asked.map(questionOf))).map(({ state }) => state)
  expect(await statesOf(all)).toEqual(['fulfilled', 'fulfilled', 'pending', 'pending', 'pending'])
  expect(await statesOf(all)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'pending'])
  expect(await statesOf(all.slice(4))).toEqual(['fulfilled'])
})

test('refused fulfilments become a loss, once, and not above the bound of a day', async () => {
  const clock = createManualClock(Date.now())
  const run = await open({ clock })
  const all = packets(5)
  const questions = all.map(questionOf)
  await fulfilAll(run, all)
  const refused = () => run.books.writeOff('alice', questions.slice(0, 3), 350n)
  const isSettled = [true, true, true]
  // What is booked is said once, by whichever of two at the same time has begun it.
  const [first, second] = await Promise.all([refused(), refused()])
  expect([first.isSettled, second.isSettled]).toEqual([isSettled, isSettled])
  expect(first.amount + second.amount).toBe(300n)
  expect(await refused()).toEqual({ isSettled, amount: 0n })
  await run.stop()
  const next = await open({ clock })
  expect(await next.books.writeOff('alice', questions, 350n)).toEqual({
    isSettled: [true, true, true, false, false],
    amount: 0n,
  })
  expect(await next.peerBalance('alice')).toBe(200n)
  expect(await next.balanceOf('expenses/routing-loss/alice')).toBe(300n)
  const states = (await next.books.answersFor('alice', questions)).map(({ state }) => state)
  expect(states).toEqual(['none', 'none', 'none', 'fulfilled', 'fulfilled'])
  clock.advanceSeconds(25 * 3_600)
  expect(await next.books.writeOff('alice', questions.slice(3, 4), 350n)).toEqual({
    isSettled: [true],
    amount: 100n,
  })
})

test('a peer that refuses packets which never came is told that it owes nothing, as often as that can be kept to', async () => {
  const { books } = await open()
  const [intent] = packets(1) as [PacketIntent]
  const nothingOwed = { isSettled: [true], amount: 0n }
  expect(await books.writeOff('alice', [questionOf(intent)], 0n)).toEqual(nothingOwed)
  await expect(books.intend(intent)).rejects.toMatchObject({ code: 'ILP_PACKET_ENDED' })
  const strangers = Array.from({ length: 1_000 }, (_, index) => ({
    id: index.toString(16).padStart(32, '0'),
    expiresAtMs: intent.incomingExpiresAtMs,
  }))
  const refusals = async () => {
    for (let times = 0; times < 25; times++) await books.writeOff('alice', strangers, 0n)
  }
  await expect(refusals()).rejects.toMatchObject({ code: 'ILP_BOOKS_BUSY' })
  expect(await books.writeOff('bob', strangers.slice(0, 1), 0n)).toEqual(nothingOwed)
})

test('what a journal of many rows says of a packet is found, and a later row counts for more', async () => {
  const run = await open()
  const all = packets(120)
  for (const [index, intent] of all.entries()) await fulfilAll(run, [intent], index)
  const late = questionOf(all[0]!)
  await run.books.writeOff('alice', [late], 100n)
  await run.stop()
  const { books } = await open()
  const answers = await books.answersFor('alice', all.map(questionOf))
  expect(answers[0]).toEqual({ state: 'none' })
  const fulfilled = all.map((_, index) => ({ state: 'fulfilled', fulfillment: fulfillmentOf(index) }))
  expect(answers.slice(1)).toEqual(fulfilled.slice(1))
})

test('whose account has no funds holds up nobody, and what lacks is a loss', async () => {
  const run = await open()
  const account = { path: 'liabilities/credit/poor', asset: 'msat' } as const
  const unpaid = { ...testPacket(1), from: { kind: 'account', account }, incomingId: '' } as const
  const paid = testPacket(2)
  await Promise.all([run.books.intend(unpaid), run.books.intend(paid)])
  await Promise.all([run.books.fulfil(unpaid, fulfillmentOf(1)), run.books.fulfil(paid, fulfillmentOf(2))])
  expect(await run.balanceOf(account.path)).toBe(0n)
  expect(await run.balanceOf(UNFUNDED)).toBe(100n)
  expect(await run.peerBalance('alice')).toBe(100n)
  expect(await run.peerBalance('bob')).toBe(-198n)
})

test('connections that break while groups are written lose no packet and post none twice', async () => {
  const run = await open()
  // So many times and no more: on a machine that is busy a group takes longer than the pause.
  const breaking = breakConnections(25)
  for (let round = 0; round < 20; round++) await fulfilAll(run, packets(50, round * 50), round * 50)
  await breaking
  expect(await run.peerBalance('alice')).toBe(100_000n)
  await run.stop()
  expect((await open()).books.unresolved).toEqual([])
})

test('who is the node no longer writes nothing, says so once, and tells nobody that a packet was fulfilled', async () => {
  const failures: unknown[] = []
  const run = await open({ onFailed: (error) => void failures.push(error) })
  const [first, second] = packets(2) as [PacketIntent, PacketIntent]
  await run.books.intend(first)
  await database.db.updateTable('ilp_leadership_terms').set({ term: 99n }).execute()
  await expect(run.books.fulfil(first, fulfillmentOf(0))).rejects.toMatchObject({ code: 'ILP_BOOKS_CLOSED' })
  await expect(run.books.intend(second)).rejects.toMatchObject({ code: 'ILP_BOOKS_CLOSED' })
  expect(failures).toMatchObject([{ code: 'LEADERSHIP_LOST' }])
  await run.stop()
  const next = await open()
  expect(next.books.unresolved.map(({ id }) => id)).toEqual([first.id])
  expect(await next.peerBalance('alice')).toBe(0n)
})

test('a close does not wait for a database that hangs longer than it may, and who waits is told so', async () => {
  const run = await open({ closeWithinMs: 200 })
  const [sent, waiting, refused] = packets(3) as [PacketIntent, PacketIntent, PacketIntent]
  await run.books.intend(sent)
  await database.db.transaction().execute(async (tx) => {
    await sql`LOCK TABLE ilp_journal IN SHARE ROW EXCLUSIVE MODE`.execute(tx)
    const told = [run.books.fulfil(sent, fulfillmentOf(0)), run.books.intend(waiting)]
    const outcomes = Promise.allSettled(told)
    await run.books.close()
    const closed = { status: 'rejected', reason: { code: 'ILP_BOOKS_CLOSED' } }
    expect(await outcomes).toMatchObject([closed, closed])
    await expect(run.books.intend(refused)).rejects.toMatchObject(closed.reason)
  })
  // The commit that was under way is done or not, and with it what the next run knows.
  const next = await open()
  const isOpen = next.books.unresolved.some(({ id }) => id === sent.id)
  expect(await next.peerBalance('alice')).toBe(isOpen ? 0n : 100n)
})

test('old rows are removed, but for those that tell of a packet whose fate is not known', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const clock = createManualClock(Date.now())
    const run = await open({ clock })
    await fulfilAll(run, packets(2))
    await run.books.intend(testPacket(5))
    await fulfilAll(run, packets(2, 7), 7)
    clock.advanceSeconds(26 * 3_600)
    await run.books.intend(testPacket(6))
    vi.advanceTimersByTime(10_000)
    await run.stop()
    const next = await open({ clock })
    expect(next.books.unresolved.map(({ id }) => id)).toEqual([testPacket(5).id, testPacket(6).id])
    const [row] = await database.db.selectFrom('ilp_journal').select('seq').orderBy('seq').execute()
    expect(row?.seq).toBe(3n)
  } finally {
    vi.useRealTimers()
  }
})

test('a packet that was given up and is not decided for long does not make a start read all that came since', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const run = await open({ rewriteAfterRows: 5n })
    const [stuck, forgotten] = packets(2) as [PacketIntent, PacketIntent]
    for (const intent of [stuck, forgotten]) {
      await run.books.intend(intent)
      await run.books.giveUp(intent.id, intent.to)
    }
    for (let row = 10; row < 20; row++) await fulfilAll(run, packets(1, row), row)
    // The first time it is written anew, the second time the journal's begin follows.
    for (let times = 0; times < 2; times++) {
      vi.advanceTimersByTime(10_000)
      await fulfilAll(run, packets(1, 30 + times), 30 + times)
      await vi.waitFor(() => expect(run.books.stats.waiting).toBe(0))
    }
    run.books.forget(forgotten.id, forgotten.to)
    await run.stop()
    const { replay_from } = await database.db
      .selectFrom('ilp_journal_progress')
      .select('replay_from')
      .executeTakeFirstOrThrow()
    expect(replay_from).toBeGreaterThan(20n)
    const next = await open()
    expect(next.books.unresolved).toMatchObject([{ id: stuck.id, isGivenUp: true }])
  } finally {
    vi.useRealTimers()
  }
})
