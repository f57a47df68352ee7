import { type FastifyInstance, fastify } from 'fastify'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { accepted, createManualClock, refused } from '../../../kernel/index.ts'
import type { LedgerService } from '../../../ledger/index.ts'
import { msat, testLedger, transfer } from '../../../ledger/testing/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { testDatabase } from '../../../platform/database/testing/index.ts'
import { type ApiTiers, openApiTiers } from './api-tiers.ts'
import { addSubscriptionRoutes, type OwnedKey, type SubscriptionCaller } from './subscription-routes.ts'

const ALICE = 'aa'.repeat(32)
const BOB = 'bb'.repeat(32)
const [ALICES, BOBS, ACCOUNTS, REVOKED] = ['a', 'b', 'c', 'd'].map((one) => one.repeat(16)) as [
  string,
  string,
  string,
  string,
]

const KEYS: readonly OwnedKey[] = [
  { id: ALICES, name: 'of alice', owner: { pubkey: ALICE }, isLive: true },
  { id: BOBS, name: 'of bob', owner: { pubkey: BOB }, isLive: true },
  { id: ACCOUNTS, name: 'of an account', owner: { accountId: 'account-1' }, isLive: true },
  { id: REVOKED, name: 'gone', owner: { pubkey: ALICE }, isLive: false },
]
const CALLERS: Readonly<Record<string, SubscriptionCaller>> = {
  alice: { pubkeys: [ALICE] },
  bob: { pubkeys: [BOB] },
  account: { pubkeys: [ALICE, BOB], accountId: 'account-1' },
  'account without a key': { pubkeys: [], accountId: 'account-1' },
  'the key of alice': { pubkeys: [ALICE], apiKeyId: ALICES },
}

let database: Database
let ledger: LedgerService
let tiers: ApiTiers
let app: FastifyInstance
let isReady = true
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  isReady = true
  const clock = createManualClock(Date.parse('2026-11-21T14:30:00Z'))
  ledger = testLedger(database, { clock })
  const credit = { debit: 'assets/settlement/test', credit: `liabilities/credit/${ALICE}`, amount: 12_000n }
  await ledger.post([transfer('credit for alice', credit)])
  tiers = openApiTiers({
    db: database.db,
    ledger,
    clock,
    logger: pino({ level: 'silent' }),
    settings: { tiers: [{ name: 'plus', requestsPer15Min: 10_000, priceMsatPerMonth: 5_000n }] },
  })
  app = fastify()
  await addSubscriptionRoutes(app, {
    tiers: () => (isReady ? tiers : undefined),
    addressOf: () => '192.0.2.1',
    findKey: async (id) => KEYS.find((key) => key.id === id),
    identify: async ({ headers: { authorization = '' } }) => {
      const caller = CALLERS[authorization]
      return caller === undefined
        ? refused({ code: 'UNAUTHORIZED', text: 'sign the request' })
        : accepted(caller)
    },
  })
})
afterEach(async () => {
  await app.close()
  await tiers.stop()
  await database.db.deleteFrom('observatory_api_subscriptions').execute()
})

async function ask(who: string, method: 'GET' | 'POST' | 'DELETE', given: unknown) {
  const isBody = method === 'POST'
  const answer = await app.inject({
    method,
    url: `/api/v1/stats/subscription${isBody || given === undefined ? '' : `?key=${String(given)}`}`,
    headers: { authorization: who, ...(isBody && { 'content-type': 'application/json' }) },
    ...(isBody && { payload: typeof given === 'string' ? given : JSON.stringify(given) }),
  })
  return { status: answer.statusCode, body: answer.json(), caching: answer.headers['cache-control'] }
}

test('a person subscribes a key of theirs, sees it, and ends it; their credit pays', async () => {
  expect(await ask('alice', 'POST', { key: ALICES, tier: 'plus' })).toEqual({
    status: 200,
    body: { tier: 'plus', from_month: '2026-11' },
    caching: 'no-store',
  })
  expect((await ledger.balance(msat(`liabilities/credit/${ALICE}`))).balance).toBe(7_000n)
  expect((await ask('alice', 'GET', ALICES)).body).toEqual({
    key: { id: ALICES, name: 'of alice' },
    tier: 'plus',
    requests_per_15_min: 10_000,
    subscription: {
      owner: ALICE,
      tier: 'plus',
      state: 'active',
      paid_tier: 'plus',
      paid_month: '2026-11',
    },
  })
  expect(await ask('alice', 'DELETE', ALICES)).toMatchObject({ status: 200, body: { done: true } })
  expect(await ask('alice', 'DELETE', ALICES)).toMatchObject({ status: 404 })
  expect((await ask('alice', 'GET', ALICES)).body).toMatchObject({
    tier: 'plus',
    subscription: { state: 'ended' },
  })
})

test('nobody touches a key of somebody else, or learns whether there is such a key', async () => {
  const unheard = 'e'.repeat(16)
  for (const key of [BOBS, ACCOUNTS, unheard]) {
    const answers = [
      await ask('alice', 'GET', key),
      await ask('alice', 'DELETE', key),
      await ask('alice', 'POST', { key, tier: 'plus' }),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(404)
      expect(answer.body).toEqual({
        error: { code: 'NOT_FOUND', message: 'you have no API key of this id' },
      })
    }
  }
  expect(await ask('nobody', 'GET', ALICES)).toMatchObject({ status: 401 })
  expect(await tiers.subscription(BOBS)).toBeUndefined()
})

test('for a key of an account the key that was linked first pays, and without one nothing is paid', async () => {
  const wish = { key: ACCOUNTS, tier: 'plus' }
  expect(await ask('account without a key', 'POST', wish)).toMatchObject({
    status: 403,
    body: { error: { message: expect.stringContaining('link a Nostr key') } },
  })
  expect(await ask('account', 'POST', wish)).toMatchObject({ status: 200 })
  expect(await tiers.subscription(ACCOUNTS)).toMatchObject({ owner: ALICE })
})

test('an API key sees itself, and neither spends nor sees another', async () => {
  expect(await ask('the key of alice', 'GET', undefined)).toMatchObject({
    status: 200,
    body: { key: { id: ALICES } },
  })
  expect(await ask('the key of alice', 'GET', REVOKED)).toMatchObject({ status: 404 })
  for (const method of ['POST', 'DELETE'] as const)
    expect(await ask('the key of alice', method, { key: ALICES, tier: 'plus' })).toMatchObject({
      status: 403,
    })
  expect(await tiers.subscription(ALICES)).toBeUndefined()
})

test.each<[string, string, unknown, number, string]>([
  ['too little credit', 'bob', { key: BOBS, tier: 'plus' }, 402, 'SHORT_FUNDS'],
  ['no such tier', 'alice', { key: ALICES, tier: 'gold' }, 400, 'UNKNOWN_TIER'],
  ['a revoked key', 'alice', { key: REVOKED, tier: 'plus' }, 404, 'NOT_FOUND'],
  ['no JSON', 'alice', '{', 400, 'INVALID'],
  ['a member too many', 'alice', { key: ALICES, tier: 'plus', owner: BOB }, 400, 'INVALID'],
  ['no id', 'alice', { key: 'stoa_x', tier: 'plus' }, 400, 'INVALID'],
])('refused, and nothing is changed: %s', async (_what, who, wish, status, code) => {
  expect(await ask(who, 'POST', wish)).toMatchObject({ status, body: { error: { code } } })
  const rows = await database.db.selectFrom('observatory_api_subscriptions').selectAll().execute()
  expect(rows).toEqual([])
})

test('one address cannot ask for ever', async () => {
  const statuses = new Set<number>()
  for (let count = 0; count < 31; count++)
    statuses.add((await ask('bob', 'POST', { key: BOBS, tier: 'gold' })).status)
  expect(statuses).toEqual(new Set([400, 429]))
})

test('until the database is there it says so', async () => {
  isReady = false
  expect(await ask('alice', 'GET', ALICES)).toMatchObject({ status: 503 })
})
