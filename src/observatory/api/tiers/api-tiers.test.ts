import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createManualClock, type ManualClock } from '../../../kernel/index.ts'
import type { Ledger, LedgerService } from '../../../ledger/index.ts'
import { msat, testLedger, transfer } from '../../../ledger/testing/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { testDatabase } from '../../../platform/database/testing/index.ts'
import { GOOD_KEY, startTestApi } from '../testing/index.ts'
import { type ApiTiers, type ApiTiersDeps, openApiTiers } from './api-tiers.ts'
import { SUBSCRIPTION_MOVES, SUBSCRIPTION_STATES, stateAfter } from './subscription-states.ts'

const SETTINGS = {
  tiers: [
    { name: 'plus', requestsPer15Min: 10_000, priceMsatPerMonth: 5_000n },
    { name: 'pro', requestsPer15Min: 100_000, priceMsatPerMonth: 50_000n },
  ],
}

let database: Database
let ledger: LedgerService
let clock: ManualClock
let tiers: ApiTiers
let keyId = ''
let keys = 0
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(() => {
  clock = createManualClock(Date.parse('2026-11-21T14:30:00Z'))
  ledger = testLedger(database, { clock })
  tiers = open()
  keyId = `key${++keys}`
})
afterEach(() => tiers.stop())

function open(change: Partial<ApiTiersDeps> = {}): ApiTiers {
  return openApiTiers({
    db: database.db,
    ledger,
    clock,
    logger: pino({ level: 'silent' }),
    settings: SETTINGS,
    ...change,
  })
}

/** A fresh owner with so much credit. */
async function ownerWith(amount: bigint): Promise<string> {
  const owner = keys.toString(16).padStart(64, '0')
  if (amount > 0n) {
    const paid = { debit: 'assets/settlement/test', credit: `liabilities/credit/${owner}`, amount }
    await ledger.post([transfer(`credit for ${keyId}`, paid)])
  }
  return owner
}

async function creditOf(owner: string): Promise<bigint> {
  return (await ledger.balance(msat(`liabilities/credit/${owner}`))).balance
}

function nextMonth(): void {
  clock.advanceSeconds(Date.parse('2026-12-01T00:00:01Z') / 1_000 - clock.nowSeconds())
}

test('who subscribes pays this month from their credit, and has the tier at once', async () => {
  const owner = await ownerWith(12_000n)
  const before = (await ledger.balance(msat('revenue/api'))).balance
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'free', requestsPer15Min: 1_000 })
  expect(await tiers.subscribe(keyId, owner, 'plus')).toEqual({
    ok: true,
    value: { tier: 'plus', fromMonth: '2026-11' },
  })
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'plus', requestsPer15Min: 10_000 })
  expect(await creditOf(owner)).toBe(7_000n)
  expect((await ledger.balance(msat('revenue/api'))).balance - before).toBe(5_000n)
  const { lines } = await ledger.statement(msat(`liabilities/credit/${owner}`))
  expect(lines[0]?.key).toBe(`api-tier:${keyId}:2026-11`)
})

test('who has too little, or wants what there is not, is refused and nothing is kept of it', async () => {
  const owner = await ownerWith(4_999n)
  expect(await tiers.subscribe(keyId, owner, 'plus')).toMatchObject({ refusal: { code: 'SHORT_FUNDS' } })
  expect(await tiers.subscribe(keyId, owner, 'gold')).toMatchObject({ refusal: { code: 'UNKNOWN_TIER' } })
  expect(await tiers.subscription(keyId)).toBeUndefined()
  expect(await creditOf(owner)).toBe(4_999n)
})

test('a month is charged once, by however many processes and however often', async () => {
  const owner = await ownerWith(100_000n)
  await tiers.subscribe(keyId, owner, 'plus')
  await tiers.subscribe(keyId, owner, 'plus')
  nextMonth()
  const others = [open(), open(), open()]
  const reports = await Promise.all(others.map((one) => one.charge('2026-12')))
  expect(reports.reduce((sum, { paid }) => sum + paid, 0)).toBeGreaterThanOrEqual(1)
  await tiers.charge('2026-12')
  expect(await creditOf(owner)).toBe(90_000n)
})

test('a month that has just begun is charged when the key is used, so that nobody falls back for a moment', async () => {
  const owner = await ownerWith(10_000n)
  await tiers.subscribe(keyId, owner, 'plus')
  nextMonth()
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'plus' })
  expect(await creditOf(owner)).toBe(0n)
})

test('who cannot pay falls back to free, and has the tier again when it is paid', async () => {
  const owner = await ownerWith(5_000n)
  await tiers.subscribe(keyId, owner, 'plus')
  nextMonth()
  await tiers.charge('2026-12')
  expect(await tiers.subscription(keyId)).toMatchObject({ state: 'lapsed', paidMonth: '2026-11' })
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'free' })
  const more = { debit: 'assets/settlement/test', credit: `liabilities/credit/${owner}`, amount: 5_000n }
  await ledger.post([transfer(`more for ${keyId}`, more)])
  await tiers.charge('2026-12')
  expect(await tiers.subscription(keyId)).toMatchObject({ state: 'active', paidMonth: '2026-12' })
  clock.advanceSeconds(11)
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'plus' })
  expect(await creditOf(owner)).toBe(0n)
})

test('another tier in a month that is paid is charged from the next month on', async () => {
  const owner = await ownerWith(60_000n)
  await tiers.subscribe(keyId, owner, 'plus')
  expect(await tiers.subscribe(keyId, owner, 'pro')).toMatchObject({ value: { fromMonth: '2026-12' } })
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'plus' })
  nextMonth()
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'pro' })
  expect(await creditOf(owner)).toBe(5_000n)
})

test('what was ended is had to the end of its month and charged no more; nothing can be ended twice', async () => {
  const owner = await ownerWith(50_000n)
  await tiers.subscribe(keyId, owner, 'plus')
  expect(await tiers.end(keyId)).toMatchObject({ ok: true })
  expect(await tiers.end(keyId)).toMatchObject({ refusal: { code: 'NOT_FOUND' } })
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'plus' })
  expect(await tiers.subscribe(keyId, owner, 'plus')).toMatchObject({ ok: true })
  expect(await creditOf(owner)).toBe(45_000n)
  await tiers.end(keyId)
  nextMonth()
  await tiers.charge('2026-12')
  expect(await tiers.tierOf(keyId)).toMatchObject({ name: 'free' })
  expect(await creditOf(owner)).toBe(45_000n)
})

test('keys that are not good any more, tiers that are gone, and who lapsed long ago are not charged', async () => {
  const owner = await ownerWith(100_000n)
  await tiers.subscribe(keyId, owner, 'plus')
  await tiers.subscribe(`${keyId}-dead`, owner, 'plus')
  nextMonth()
  await open({ settings: { tiers: [] }, liveKeys: async () => new Set([keyId]) }).charge('2026-12')
  expect(await tiers.subscription(keyId)).toMatchObject({ state: 'ended' })
  expect(await tiers.subscription(`${keyId}-dead`)).toMatchObject({ state: 'ended' })
  expect(await creditOf(owner)).toBe(90_000n)

  await tiers.subscribe(keyId, owner, 'pro')
  for (const month of ['2027-01', '2027-02', '2027-03', '2027-04']) {
    clock.advanceSeconds(Date.parse(`${month}-02`) / 1_000 - clock.nowSeconds())
    await tiers.charge(month)
  }
  expect(await tiers.subscription(keyId)).toMatchObject({ state: 'ended', paidMonth: '2026-12' })
})

test('of another month than this nothing is due, and what is no month is a mistake of the caller', async () => {
  await tiers.subscribe(keyId, await ownerWith(50_000n), 'plus')
  expect(await tiers.charge('2027-05')).toMatchObject({ paid: 0 })
  await expect(tiers.charge('2026-13')).rejects.toThrow(RangeError)
})

describe('a crash at any place leaves all of it or nothing', () => {
  const crashing = (when: 'before' | 'after'): Pick<Ledger, 'postIn'> => ({
    postIn: async (tx, transfers) => {
      if (when === 'after') await ledger.postIn(tx, transfers)
      throw new Error('the process was killed')
    },
  })

  test.each(['before', 'after'] as const)('%s the posting', async (when) => {
    const owner = await ownerWith(10_000n)
    await expect(open({ ledger: crashing(when) }).subscribe(keyId, owner, 'plus')).rejects.toThrow('killed')
    expect([await creditOf(owner), await tiers.subscription(keyId)]).toEqual([10_000n, undefined])
    await tiers.subscribe(keyId, owner, 'plus')
    nextMonth()
    await expect(open({ ledger: crashing(when) }).charge('2026-12')).rejects.toThrow('killed')
    expect(await creditOf(owner)).toBe(5_000n)
    expect(await tiers.subscription(keyId)).toMatchObject({ state: 'active', paidMonth: '2026-11' })
    await tiers.charge('2026-12')
    await tiers.charge('2026-12')
    expect(await creditOf(owner)).toBe(0n)
  })
})

test('states change as the table says and in no other way', () => {
  for (const state of SUBSCRIPTION_STATES) {
    for (const move of ['paid', 'short', 'end'] as const) {
      expect(stateAfter(state, move)).toBe((SUBSCRIPTION_MOVES[state] as Record<string, string>)[move])
    }
  }
  expect(stateAfter('ended', 'short')).toBeUndefined()
})

describe('usage', () => {
  test('is counted by key and day, over processes, and shown before it is written', async () => {
    const other = open()
    for (let n = 0; n < 30; n++) tiers.noteUse(keyId, 1)
    expect(await tiers.usage(keyId, 7)).toEqual([{ day: 20_778, requests: 30 }])
    await tiers.stop()
    other.noteUse(keyId, 12)
    await other.stop()
    clock.advanceSeconds(86_400)
    tiers.noteUse(keyId, 1)
    expect(await tiers.usage(keyId, 7)).toEqual([
      { day: 20_779, requests: 1 },
      { day: 20_778, requests: 42 },
    ])
  })

  test('a paid key may ask as much as its tier says, and sees what it has asked', async () => {
    const id = '0123456789abcdef'
    await tiers.subscribe(id, await ownerWith(5_000n), 'plus')
    const api = await startTestApi({ tiers: () => tiers })
    const key = { 'x-api-key': GOOD_KEY }
    expect((await api.get('/stats/overview', key)).headers['ratelimit-limit']).toBe('10000')
    const { status, json } = await api.get('/stats/usage', key)
    expect(status).toBe(200)
    expect(json).toEqual({
      key: { id, name: 'a test' },
      tier: 'plus',
      requests_per_15_min: 10_000,
      remaining: 9_998,
      subscription: { tier: 'plus', state: 'active', paid_month: '2026-11' },
      days: [{ day: '2026-11-21', requests: 2 }],
    })
    await api.close()
  })
})

test('the ledger balances behind all of this', async () => {
  for (const { debits, credits, wrongBalances } of await ledger.trialBalance()) {
    expect([debits, wrongBalances]).toEqual([credits, 0])
  }
})
