import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createManualClock, type ManualClock } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { fulfillmentOf, type TestBooks, testBooks, testPacket } from '../books/testing/test-books.ts'
import type { PacketIntent } from '../books.ts'
import { createReconciler, RECONCILE_PROTOCOL, type Reconciler } from './index.ts'
import { decodeAnswers, encodePacketList } from './messages.ts'

/** One side of the link between payer and payee. */
interface Side {
  readonly run: TestBooks
  readonly reconciler: Reconciler
  /** What it was told that was booked, by peer. */
  readonly told: Map<string, bigint>
}

const PATIENCE = { timeout: 10_000, interval: 10 }
const packet = testPacket(1, { from: { kind: 'account', account: { path: 'equity/sender', asset: 'msat' } } })
const received: PacketIntent = {
  ...packet,
  id: packet.id,
  incomingId: packet.id,
  from: { kind: 'peer', peerId: 'payer' },
  to: { kind: 'account', account: { path: 'liabilities/credit/receiver', asset: 'msat' } },
  incomingAmount: packet.outgoingAmount,
  incomingExpiresAtMs: packet.outgoingExpiresAtMs,
}

let databases: readonly Database[]
let clock: ManualClock
let isLinkUp: boolean
let maxLossPerDay: bigint
let payer: Side
let payee: Side

beforeEach(async () => {
  databases = await Promise.all([testDatabase(), testDatabase()])
  clock = createManualClock(Date.now())
  isLinkUp = false
  maxLossPerDay = 1_000n
  payee = await begin(1)
  payer = await begin(0)
})
afterEach(async () => {
  for (const side of [payer, payee]) await end(side)
  await Promise.all(databases.map((database) => database.close()))
})

async function begin(index: 0 | 1): Promise<Side> {
  const run = await testBooks(databases[index]!, { clock })
  const link = {
    get isConnected() {
      return isLinkUp
    },
    ask: (protocol: string, data: Buffer) => {
      expect(protocol).toBe(RECONCILE_PROTOCOL)
      return isLinkUp ? payee.reconciler.answer('payer', data) : Promise.resolve(undefined)
    },
  }
  const told: Side['told'] = new Map()
  const reconciler = createReconciler({
    books: run.books,
    linkOf: () => link,
    maxLossPerDay: () => maxLossPerDay,
    onBooked: (peerId, change) => told.set(peerId, (told.get(peerId) ?? 0n) + change),
    clock,
    logger: pino({ level: 'silent' }),
  })
  reconciler.start()
  return { run, reconciler, told }
}

async function end({ run, reconciler }: Side): Promise<void> {
  await reconciler.stop()
  await run.stop()
}

/** The packet was sent and fulfilled, and the Fulfill did not come. */
async function fulfillIsLost(): Promise<void> {
  await payer.run.books.intend(packet)
  await payee.run.books.fulfil(received, fulfillmentOf(1))
}

function linkOpens(): void {
  isLinkUp = true
  payer.reconciler.opened('bob')
}

async function expectOwed(owed: bigint, loss: bigint): Promise<void> {
  await vi.waitFor(() => expect(payer.reconciler.unresolved).toBe(0), PATIENCE)
  expect(await payer.run.peerBalance('bob')).toBe(-owed)
  expect(await payee.run.peerBalance('payer')).toBe(owed)
  expect(await payee.run.balanceOf('expenses/routing-loss/payer')).toBe(loss)
}

test('a fulfilment that is learned in time is passed on', async () => {
  await fulfillIsLost()
  const learned = payer.reconciler.lost(packet)
  linkOpens()
  expect(await learned).toEqual(fulfillmentOf(1))
  await payer.run.books.fulfil(packet, fulfillmentOf(1))
  await expectOwed(99n, 0n)
})

test('a packet of which the payee knows nothing has come to nothing at once', async () => {
  await payer.run.books.intend(packet)
  linkOpens()
  expect(await payer.reconciler.lost(packet)).toBeUndefined()
  expect(clock.nowMs()).toBeLessThan(packet.outgoingExpiresAtMs)
  await expect(payee.run.books.fulfil(received, fulfillmentOf(1))).rejects.toMatchObject({
    code: 'ILP_PACKET_ENDED',
  })
  await expectOwed(0n, 0n)
})

test.each([false, true])(
  'a fulfilment that is learned too late is refused and the loss of the payee (the payer crashed since: %s)',
  async (hasCrashed) => {
    await fulfillIsLost()
    const learned = payer.reconciler.lost(packet)
    clock.advanceSeconds(31)
    expect(await learned).toBeUndefined()
    if (hasCrashed) {
      await end(payer)
      payer = await begin(0)
    }
    linkOpens()
    await expectOwed(0n, 99n)
    expect(payee.told).toEqual(new Map([['payer', -99n]]))
    expect(payer.told).toEqual(new Map())
  },
)

test('what the payer did not book because it crashed counts, however late', async () => {
  await fulfillIsLost()
  await end(payer)
  clock.advanceSeconds(3_600)
  payer = await begin(0)
  linkOpens()
  await expectOwed(99n, 0n)
  expect(payer.told).toEqual(new Map([['bob', -99n]]))
  expect(payee.told).toEqual(new Map())
})

test('a payee whose database errs says nothing that is final, and is still taken for one that speaks the protocol', async () => {
  await fulfillIsLost()
  const errs = vi.spyOn(payee.run.books, 'answersFor').mockRejectedValue(new Error('the database is away'))
  const asked = [{ id: packet.id, expiresAtMs: packet.outgoingExpiresAtMs }]
  const answer = await payee.reconciler.answer(
    'payer',
    encodePacketList({ type: 'question', packets: asked }),
  )
  expect(decodeAnswers(answer!, 1)).toEqual({ ok: true, value: [{ state: 'pending' }] })
  const learned = payer.reconciler.lost(packet)
  clock.advanceSeconds(31)
  expect(await learned).toBeUndefined()
  errs.mockClear()
  linkOpens()
  await vi.waitFor(() => expect(errs.mock.calls.length).toBeGreaterThan(4), PATIENCE)
  expect(payer.reconciler.unresolved).toBe(1)
  errs.mockRestore()
  await expectOwed(0n, 99n)
})

test('what is lost at the moment when the last question is done is asked for too', async () => {
  linkOpens()
  for (let turns = 0; turns < 40; turns++) {
    expect(await payer.reconciler.lost(testPacket(2 * turns))).toBeUndefined()
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    // Nobody asks for it again but who has just finished.
    expect(await payer.reconciler.lost(testPacket(2 * turns + 1))).toBeUndefined()
  }
})

test('a payee that has given away as much as it may insists, and neither side asks for ever', async () => {
  maxLossPerDay = 98n
  await fulfillIsLost()
  const learned = payer.reconciler.lost(packet)
  clock.advanceSeconds(31)
  expect(await learned).toBeUndefined()
  linkOpens()
  await vi.waitFor(() => expect(payer.reconciler.unresolved).toBe(0), PATIENCE)
  expect(await payee.run.peerBalance('payer')).toBe(99n)
})

test('a fulfilment that does not fit the condition counts for nothing', async () => {
  await payer.run.books.intend(packet)
  await payee.run.books.fulfil(received, fulfillmentOf(2))
  const learned = payer.reconciler.lost(packet)
  linkOpens()
  expect(await learned).toBeUndefined()
  expect(await payer.run.peerBalance('bob')).toBe(0n)
})
