import { afterAll, beforeAll, expect, test } from 'vitest'
import { createManualClock } from '../kernel/index.ts'
import { createMemoryBus } from '../platform/bus/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { NewApiKey } from './api-keys.ts'
import { testKey } from './testing/test-key.ts'
import { CLI, granted, NOW_SECONDS, testPeople } from './testing/test-people.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

function wanted(members: Partial<NewApiKey> = {}): NewApiKey {
  const owner = { pubkey: testKey().publicKey }
  return { owner, name: 'for a test', scopes: ['relay:read'], rateTier: 'basic', ...members }
}

test('a key has the roles that its owner has when it is used', async () => {
  const { accounts } = testPeople(database)
  const { publicKey: pubkey } = testKey()
  const { id, key } = granted(await accounts.createApiKey(wanted({ owner: { pubkey } }), CLI))
  expect(granted(await accounts.checkApiKey(key))).toEqual({
    via: 'api-key',
    apiKey: { id, name: 'for a test' },
    pubkeys: [pubkey],
    roles: [],
    scopes: ['relay:read'],
    rateTier: 'basic',
  })
  granted(await accounts.grantRole({ pubkey, role: 'operator' }, CLI))
  expect(await accounts.checkApiKey(key)).toMatchObject({ ok: true, value: { roles: ['operator'] } })
  granted(await accounts.revokeRole({ pubkey, role: 'operator' }, CLI))
  expect(await accounts.checkApiKey(key)).toMatchObject({ ok: true, value: { roles: [] } })
})

test('a key ends with its time or when it is revoked, and says when it was used', async () => {
  const { accounts, clock } = testPeople(database)
  const { publicKey: pubkey } = testKey()
  const expiresAtSeconds = NOW_SECONDS + 60
  const brief = granted(await accounts.createApiKey(wanted({ owner: { pubkey }, expiresAtSeconds }), CLI))
  const lasting = granted(await accounts.createApiKey(wanted({ owner: { pubkey } }), CLI))
  expect(await accounts.checkApiKey(brief.key)).toMatchObject({ ok: true })
  clock.advanceSeconds(60)
  expect(await accounts.checkApiKey(brief.key)).toMatchObject({ ok: false })
  expect(await accounts.checkApiKey(lasting.key)).toMatchObject({ ok: true })
  const stranger = { id: lasting.id, owner: { pubkey: testKey().publicKey } }
  expect(await accounts.revokeApiKey(stranger, CLI)).toMatchObject({ ok: false })
  granted(await accounts.revokeApiKey({ id: lasting.id, owner: { pubkey } }, CLI))
  expect(await accounts.checkApiKey(lasting.key)).toMatchObject({ ok: false })
  const listed = await accounts.listApiKeys({ pubkey })
  expect(listed.find(({ id }) => id === lasting.id)).toMatchObject({
    lastUsedAtSeconds: NOW_SECONDS + 60,
    revokedAtSeconds: NOW_SECONDS + 60,
  })
  expect(JSON.stringify(listed)).not.toContain(lasting.key.slice(-20))
})

test('whose a key is can be asked by its id, and which keys are still good', async () => {
  const { accounts, clock } = testPeople(database)
  const { publicKey: pubkey } = testKey()
  const owner = { pubkey }
  const expiresAtSeconds = NOW_SECONDS + 60
  const brief = granted(await accounts.createApiKey(wanted({ owner, expiresAtSeconds }), CLI))
  const [gone, good] = [
    granted(await accounts.createApiKey(wanted({ owner }), CLI)),
    granted(await accounts.createApiKey(wanted({ owner }), CLI)),
  ]
  granted(await accounts.revokeApiKey({ id: gone.id }, CLI))
  const ids = [brief.id, gone.id, good.id, 'f'.repeat(16)]
  expect(await accounts.liveApiKeys(ids)).toEqual(new Set([brief.id, good.id]))
  clock.advanceSeconds(60)
  expect(await accounts.liveApiKeys(ids)).toEqual(new Set([good.id]))
  expect(await accounts.liveApiKeys([])).toEqual(new Set())
  expect(await accounts.findApiKey(gone.id)).toMatchObject({
    id: gone.id,
    owner,
    ownerPubkeys: [pubkey],
    revokedAtSeconds: NOW_SECONDS,
  })
  expect(await accounts.findApiKey('f'.repeat(16))).toBeUndefined()
})

test('a key with another secret is no key', async () => {
  const { accounts } = testPeople(database)
  const { key } = granted(await accounts.createApiKey(wanted(), CLI))
  const changed = `${key.slice(0, -1)}${key.endsWith('A') ? 'E' : 'A'}`
  for (const bad of [changed, key.slice(0, -1), `${key}A`, 'stoa_', '']) {
    expect(await accounts.checkApiKey(bad)).toMatchObject({ ok: false, refusal: { code: 'TOKEN_INVALID' } })
  }
})

test('members take no better rate than the basic one', async () => {
  const { accounts } = testPeople(database)
  const member = { actor: testKey().publicKey, role: 'member' }
  const outcome = await accounts.createApiKey(wanted({ rateTier: 'unlimited' }), member)
  expect(outcome).toMatchObject({ ok: false, refusal: { code: 'NOT_ALLOWED' } })
  expect(await accounts.createApiKey(wanted(), member)).toMatchObject({ ok: true })
})

test.each([
  ['nobody as its owner', { owner: {} }],
  ['no name', { name: '' }],
  ['a scope with a space', { scopes: ['relay read'] }],
  ['a time that has passed', { expiresAtSeconds: NOW_SECONDS }],
])('a key with %s is refused', async (_, members) => {
  const { accounts } = testPeople(database)
  expect(await accounts.createApiKey(wanted(members), CLI)).toMatchObject({
    ok: false,
    refusal: { code: 'INVALID' },
  })
})

test('an owner has fifty keys, and another one when one is revoked', async () => {
  const { accounts } = testPeople(database)
  const owner = { pubkey: testKey().publicKey }
  let last = ''
  for (let count = 0; count < 50; count += 1) {
    last = granted(await accounts.createApiKey(wanted({ owner }), CLI)).id
  }
  expect(await accounts.createApiKey(wanted({ owner }), CLI)).toMatchObject({
    ok: false,
    refusal: { code: 'LIMIT_REACHED' },
  })
  granted(await accounts.revokeApiKey({ id: last }, CLI))
  expect(await accounts.createApiKey(wanted({ owner }), CLI)).toMatchObject({ ok: true })
})

test('a key is used as often as its tier allows, whichever process is asked', async () => {
  const clock = createManualClock(NOW_SECONDS * 1_000)
  const bus = createMemoryBus(clock)
  const [one, other] = [testPeople(database, { bus, clock }), testPeople(database, { bus, clock })]
  const basic = granted(await one.accounts.createApiKey(wanted(), CLI))
  const unlimited = granted(await one.accounts.createApiKey(wanted({ rateTier: 'unlimited' }), CLI))
  for (let use = 0; use < 30; use++) {
    granted(await one.accounts.checkApiKey(basic.key))
    granted(await other.accounts.checkApiKey(basic.key))
  }
  expect(await other.accounts.checkApiKey(basic.key)).toEqual({
    ok: false,
    refusal: { code: 'RATE_LIMITED', text: expect.stringContaining('basic'), retryAfterSeconds: 1 },
  })
  for (let use = 0; use < 61; use++) granted(await one.accounts.checkApiKey(unlimited.key))
  clock.advanceSeconds(1)
  expect(await one.accounts.checkApiKey(basic.key)).toMatchObject({ ok: true })
})
