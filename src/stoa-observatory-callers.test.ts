import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import type { Principal } from './accounts/index.ts'
import { accepted, refused } from './kernel/index.ts'
import { observatoryCallers } from './stoa-observatory-callers.ts'

const ALICE = 'a'.repeat(64)
const KEY_ID = '0123456789abcdef'

const apps: FastifyInstance[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})

const bySession = (principal: Partial<Principal> = {}): Principal => ({
  via: 'session',
  pubkeys: [ALICE],
  roles: [],
  ...principal,
})
const byKey = (scopes: readonly string[], principal: Partial<Principal> = {}): Principal =>
  bySession({ via: 'api-key', scopes, apiKey: { id: KEY_ID, name: 'the bot' }, ...principal })

/** Asks as somebody, and is told who that is. */
function askAs(principal: Principal) {
  const found = async () => accepted(principal)
  const callers = observatoryCallers({
    config: () => ({ relay: { publicUrl: 'wss://relay.example' } }),
    accounts: () => ({
      rolesOf: async () => [],
      checkAccessToken: found,
      checkApiKey: found,
      findApiKey: async () => undefined,
      liveApiKeys: async () => new Set(),
    }),
    verifier: { verify: () => false },
    claimOnce: async () => true,
  })
  const app = fastify()
  apps.push(app)
  app.route({ method: ['GET', 'POST'], url: '/alerts', handler: (request) => callers.ofAlerts(request) })
  app.route({ method: 'GET', url: '/tiers', handler: (request) => callers.ofSubscriptions(request) })
  return async (method: 'GET' | 'POST', url = '/alerts'): Promise<unknown> => {
    const headers = { authorization: principal.via === 'api-key' ? 'Bearer stoa_x' : 'Bearer x' }
    return (await app.inject({ method, url, headers })).json()
  }
}

test("who signs in changes what is theirs, and what is the operator's only as one", async () => {
  const person = { pubkey: ALICE, mayChange: true, isOperator: false }
  expect(await askAs(bySession())('POST')).toEqual({ ok: true, value: person })
  const operator = bySession({ roles: ['operator'] })
  expect(await askAs(operator)('POST')).toEqual({ ok: true, value: { ...person, isOperator: true } })
})

test('an API key changes alerts only when it was made for that, or operates the relay', async () => {
  const mayChange = async (principal: Principal) => {
    const answer = await askAs(principal)('POST')
    expect(answer).toMatchObject({ ok: true, value: { pubkey: ALICE } })
    return (answer as { readonly value: { readonly mayChange: boolean } }).value.mayChange
  }
  expect(await mayChange(byKey(['stats:read']))).toBe(false)
  expect(await mayChange(byKey(['console:operate']))).toBe(false)
  expect(await mayChange(byKey(['stats:read', 'alerts:write']))).toBe(true)
  expect(await mayChange(byKey(['console:read'], { roles: ['owner'] }))).toBe(false)
  expect(await mayChange(byKey(['console:operate'], { roles: ['owner'] }))).toBe(true)
})

test('a key that only reads sees what its operator has set up, and is none when something is changed', async () => {
  const ask = askAs(byKey(['console:read'], { roles: ['operator'] }))
  expect(await ask('GET')).toMatchObject({ value: { isOperator: true } })
  expect(await ask('POST')).toMatchObject({ value: { isOperator: false } })
})

test('an account without a Nostr key has no alerts, but may have subscriptions', async () => {
  const ask = askAs(bySession({ pubkeys: [], accountId: 'account' }))
  expect(await ask('GET')).toEqual(
    refused({ code: 'NOT_ALLOWED', text: 'link a Nostr key to your account first' }),
  )
  expect(await ask('GET', '/tiers')).toEqual(accepted({ pubkeys: [], accountId: 'account' }))
})

test('a subscription is asked for by an API key in its own name', async () => {
  expect(await askAs(byKey([], { accountId: 'account' }))('GET', '/tiers')).toEqual(
    accepted({ pubkeys: [ALICE], accountId: 'account', apiKeyId: KEY_ID }),
  )
})
