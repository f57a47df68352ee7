import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { accepted } from '../kernel/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { LedgerService, ReservationState } from './index.ts'
import { msat, testClock, testLedger, transfer } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const FUNDS = 100n
const LIFETIME_SECONDS = 60

let database: Database
let ledger: LedgerService
const clock = testClock()
let names = 0
let alice: string
let key: string

beforeAll(async () => {
  database = await testDatabase()
  ledger = testLedger(database, { clock })
})
afterAll(async () => {
  await ledger.stop()
  await database.close()
})
beforeEach(async () => {
  names++
  alice = `liabilities/credit/alice-${names}`
  key = `hold ${names}`
  await ledger.post([transfer(`fund ${names}`, { debit: 'assets/cash', credit: alice, amount: FUNDS })])
})

test('what is reserved cannot be spent or reserved again, and is back when it is voided', async () => {
  expect(await reserve(70n)).toEqual(accepted({ isNew: true }))
  expect(await reserve(70n)).toEqual(accepted({ isNew: false }))
  const short = { ok: false, refusal: { code: 'SHORT_FUNDS', account: msat(alice), missing: 1n } }
  expect(await ledger.post([spend('beyond', 31n)])).toEqual([short])
  expect(await reserve(31n, `${key} more`)).toEqual(short)
  expect(await ledger.post([spend('within', 30n)])).toMatchObject([{ ok: true }])
  expect(await ledger.balance(msat(alice))).toMatchObject({ balance: 70n, held: 70n })
  expect(await ledger.void(key)).toEqual(accepted(undefined))
  expect(await ledger.balance(msat(alice))).toMatchObject({ balance: 70n, held: 0n })
})

test('a commitment frees all that was held and takes what the transfer says, once', async () => {
  await reserve(70n)
  const first = await ledger.commit(key, spend('commit', 60n))
  expect(first).toMatchObject({ ok: true, value: { isNew: true } })
  expect(await ledger.commit(key, spend('commit', 60n))).toEqual(
    accepted({ id: first.ok && first.value.id, isNew: false }),
  )
  expect(await ledger.balance(msat(alice))).toMatchObject({ balance: 40n, held: 0n })
  expect(await ledger.commit(key, spend('other', 60n))).toEqual(notOpen('committed'))
  expect(await ledger.commit(key, spend('commit', 59n))).toMatchObject({ refusal: { code: 'KEY_REUSED' } })
})

test('a commitment that takes more than is there is refused, and the reservation stays', async () => {
  await reserve(70n)
  await reserve(20n, `${key} other`)
  expect(await ledger.commit(key, spend('too much', 81n))).toMatchObject({
    refusal: { code: 'SHORT_FUNDS', missing: 1n },
  })
  expect(await ledger.balance(msat(alice))).toMatchObject({ balance: FUNDS, held: 90n })
  expect(await ledger.commit(key, spend('all there is', 80n))).toMatchObject({ ok: true })
})

test.each<[ReservationState, unknown, unknown]>([
  ['open', { ok: true, value: { isNew: true } }, accepted(undefined)],
  ['committed', notOpen('committed'), notOpen('committed')],
  ['voided', notOpen('voided'), accepted(undefined)],
  ['expired', notOpen('expired'), accepted(undefined)],
])('what is %s answers as the table says', async (state, toCommit, toVoid) => {
  await bring(key, state)
  await bring(`${key} second`, state)
  expect(await ledger.commit(key, spend('commit', 1n))).toMatchObject(toCommit as object)
  expect(await ledger.void(`${key} second`)).toEqual(toVoid)
  expect((await ledger.balance(msat(alice))).held).toBe(0n)
})

test.each<ReservationState>(['committed', 'voided', 'expired'])(
  'the same reservation again, when it is %s, is refused, since it holds nothing',
  async (state) => {
    const request = requestOf(1n)
    await bring(key, state)
    expect(await ledger.reserve(request)).toEqual(notOpen(state))
    expect((await ledger.balance(msat(alice))).held).toBe(0n)
  },
)

test('a reservation is not closed under a key that no reservation can have, and whoever asks at the same time is served', async () => {
  const answers = await Promise.all([
    ledger.void('a\0b'),
    ledger.commit('', spend('without a key', 1n)),
    ledger.commit('x'.repeat(201), spend('a key without end', 1n)),
    reserve(1n),
  ])
  const invalid = { ok: false, refusal: { code: 'INVALID' } }
  expect(answers).toMatchObject([invalid, invalid, invalid, { ok: true }])
})

test('what nobody reserved is not found, and nothing is posted', async () => {
  const notFound = { ok: false, refusal: { code: 'NOT_FOUND', key: 'nothing' } }
  expect(await ledger.commit('nothing', spend('nothing', 1n))).toEqual(notFound)
  expect(await ledger.void('nothing')).toEqual(notFound)
  expect(await ledger.post([spend('nothing', 1n)])).toMatchObject([{ ok: true, value: { isNew: true } }])
})

test('the same key with another amount, account, end or memo is refused', async () => {
  await reserve(10n)
  const request = requestOf(10n)
  for (const change of [
    { amount: 11n },
    { account: msat('liabilities/credit/bob') },
    { expiresAtSeconds: request.expiresAtSeconds + 1 },
    { memo: 'other' },
  ]) {
    expect(await ledger.reserve({ ...request, ...change })).toEqual({
      ok: false,
      refusal: { code: 'KEY_REUSED', key },
    })
  }
})

test.each([
  ['nothing', { amount: 0n }],
  ['a past', { expiresAtSeconds: 1 }],
  ['half a second', { expiresAtSeconds: 1_900_000_000.5 }],
  ['no account', { account: msat('nowhere') }],
])('a reservation of %s is refused as invalid', async (_what, change) => {
  const outcome = await ledger.reserve({ ...requestOf(1n), ...change })
  expect(outcome).toMatchObject({ ok: false, refusal: { code: 'INVALID' } })
})

test('whoever lacks funds that an expired reservation holds has them at once', async () => {
  await reserve(70n)
  expect(await ledger.post([spend('early', 40n)])).toMatchObject([{ ok: false }])
  clock.advanceSeconds(LIFETIME_SECONDS)
  const outcomes = await ledger.post([spend('late', 40n), spend('later', 60n), spend('too late', 1n)])
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false])
  expect(await ledger.commit(key, spend('gone', 1n))).toEqual(notOpen('expired'))
})

test('a sweep frees what is expired and nothing else, however much it is', async () => {
  const late = Array.from({ length: 1_100 }, (_, n) => ({
    ...requestOf(1n, `${key} late ${n}`),
    expiresAtSeconds: clock.nowSeconds() + 1_000,
  }))
  await ledger.post([transfer(`more ${names}`, { debit: 'assets/cash', credit: alice, amount: 2_000n })])
  await Promise.all(late.map((request) => ledger.reserve(request)))
  await ledger.reserve({ ...requestOf(7n), expiresAtSeconds: clock.nowSeconds() + 1_001 })
  clock.advanceSeconds(1_000)
  const sweeping = testLedger(database, { clock })
  sweeping.start()
  await vi.waitFor(async () => expect((await ledger.balance(msat(alice))).held).toBe(7n), { timeout: 20_000 })
  await sweeping.stop()
  expect(await ledger.commit(key, spend('still open', 7n))).toMatchObject({ ok: true })
})

test('of many who commit and void one reservation at once, one is obeyed', async () => {
  const others = [testLedger(database, { clock }), testLedger(database, { clock })]
  for (let round = 0; round < 20; round++) {
    const one = `${key} ${round}`
    await reserve(1n, one)
    const [committed, voided] = await Promise.all([
      others[0]!.commit(one, spend(`race ${round}`, 1n)),
      others[1]!.void(one),
    ])
    expect([committed.ok, voided.ok].filter(Boolean)).toHaveLength(1)
  }
  expect((await ledger.balance(msat(alice))).held).toBe(0n)
  for (const other of others) await other.stop()
})

test('what is made and closed in one group was never held', async () => {
  const made = ledger.reserve(requestOf(10n))
  const done = ledger.commit(key, spend('at once', 10n))
  const [again, second] = [ledger.reserve(requestOf(5n, `${key} 2`)), ledger.void(`${key} 2`)]
  expect(await Promise.all([made, done, again, second])).toMatchObject([
    { ok: true },
    { ok: true },
    { ok: true },
    { ok: true },
  ])
  expect(await ledger.balance(msat(alice))).toMatchObject({ balance: 90n, held: 0n })
  expect(await ledger.commit(key, spend('at once', 10n))).toMatchObject({ ok: true, value: { isNew: false } })
})

/** Makes a reservation and brings it there. */
async function bring(reservation: string, state: ReservationState): Promise<void> {
  await reserve(1n, reservation)
  if (state === 'committed') await ledger.commit(reservation, spend(`for ${reservation}`, 1n))
  if (state === 'voided') await ledger.void(reservation)
  if (state === 'expired') clock.advanceSeconds(LIFETIME_SECONDS)
}

function reserve(amount: bigint, reservation = key) {
  return ledger.reserve(requestOf(amount, reservation))
}

/** The end is the same for all of one test, as long as its clock stands. */
function requestOf(amount: bigint, reservation = key) {
  const expiresAtSeconds = clock.nowSeconds() + LIFETIME_SECONDS
  return { key: reservation, account: msat(alice), amount, expiresAtSeconds, memo: '' }
}

function spend(name: string, amount: bigint) {
  return transfer(`${key}: ${name}`, { debit: alice, credit: 'revenue/relay', amount })
}

function notOpen(state: ReservationState) {
  return { ok: false, refusal: { code: 'NOT_OPEN', state } }
}
