import { Compile } from 'typebox/compile'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RefusedError } from '../kernel/index.ts'
import { DASHBOARD_RATES } from './dashboard.ts'
import { OPERATIONS } from './operations/index.ts'
import {
  API_KEY_ID,
  BASE_URL,
  FAILED_JOBS,
  heldEvent,
  reportedEvent,
  startTestConsole,
  type TestConsole,
  type TestKey,
  testConnection,
} from './testing/index.ts'

let rig: TestConsole

beforeEach(async () => {
  rig = await startTestConsole()
})

afterEach(() => rig.server.close())

const PUBKEY = 'ab'.repeat(32)
const EVENT = 'cd'.repeat(32)

/** For every operation: something that can be asked, once it has been asked in this order. */
const INPUTS: Readonly<Record<string, object>> = {
  connections: {},
  'connections/close': { id: 'c1' },
  settings: {},
  'settings/change': { key: 'relay.limits.maxLimit', value: '10' },
  'mirrors/add': { url: 'wss://other.example', direction: 'pull' },
  mirrors: {},
  'mirrors/pause': { id: 'mirror-1' },
  'mirrors/resume': { id: 'mirror-1' },
  'mirrors/remove': { id: 'mirror-1' },
  'backups/start': {},
  backups: {},
  status: {},
  'access/change': { changes: [{ do: 'ban-pubkey', pubkey: PUBKEY, reason: 'spam' }] },
  access: {},
  'access/entries': { list: 'banned-pubkey', limit: 5 },
  'events/allow': { id: EVENT },
  queue: { state: 'waiting' },
  'queue/approve': { id: EVENT },
  'queue/reject': { id: PUBKEY },
  reports: { limit: 10 },
  'reports/resolve': { subject: 'event', target: EVENT, decision: 'dismiss' },
  'members/add': { pubkeys: [PUBKEY] },
  members: { limit: 10 },
  'members/remove': { pubkeys: [PUBKEY] },
  'invites/create': { maxUses: 1 },
  invites: {},
  'invites/revoke': { code: 'made-up-code' },
  'roles/put': { id: 'vip', label: 'VIP' },
  roles: {},
  'roles/assign': { pubkey: PUBKEY, roleId: 'vip' },
  'roles/unassign': { pubkey: PUBKEY, roleId: 'vip' },
  'roles/remove': { id: 'vip' },
  'staff/grant': { pubkey: PUBKEY, role: 'moderator' },
  staff: {},
  'staff/revoke': { pubkey: PUBKEY, role: 'moderator' },
  'trusted/add': { pubkey: PUBKEY, reason: 'a friend' },
  trusted: {},
  'trusted/remove': { pubkey: PUBKEY },
  'subscriptions/set': { pubkey: PUBKEY, untilSeconds: 1_800_000_000 },
  subscriptions: {},
  'names/set': { name: 'bob', pubkey: PUBKEY, relays: ['wss://relay.example'] },
  names: {},
  'names/remove': { name: 'bob' },
  'jobs/queues': {},
  'jobs/failures': { limit: 10 },
  'jobs/retry': { id: FAILED_JOBS[0] },
  'jobs/remove': { id: FAILED_JOBS[1] },
  'ledger/accounts': { prefix: 'assets/' },
  'ledger/statement': { path: 'assets/peer/bob', asset: 'msat', before: '9' },
  'ledger/trial-balance': {},
  interledger: {},
  'interledger/peers/add': {
    id: 'bob',
    relation: 'peer',
    asset: 'msat',
    link: { kind: 'btp-server', tokenHash: PUBKEY },
    limits: { maxReceivable: '5000' },
  },
  'interledger/peers': {},
  'interledger/peers/change': { id: 'bob', change: { exchangesRoutes: false } },
  'interledger/peers/pause': { id: 'bob' },
  'interledger/peers/resume': { id: 'bob' },
  'interledger/routes/add': { prefix: 'test.far', peerId: 'bob' },
  'interledger/routes': { limit: 10 },
  'interledger/routes/remove': { prefix: 'test.far' },
  'interledger/quote': { to: '$example.com/alice', asset: 'msat', send: '10' },
  'interledger/pay': { key: 'k1', to: '$example.com/alice', asset: 'msat', send: '10' },
  'interledger/payment': { key: 'k1' },
  'interledger/settlement': { limit: 1 },
  'interledger/settlement/give-up': { key: 'order-1', neverTaken: true },
  'interledger/ping': { destination: 'test.memory' },
  'interledger/peers/close': { id: 'bob' },
  observatory: {},
  'observatory/begin-anew': {},
  'observatory/relays/add': { url: 'wss://other.example' },
  'observatory/relays/refuse': { url: 'wss://bad.example', why: 'it lies' },
  'observatory/relays': { refused: true, state: 'refused', limit: 10 },
  'observatory/relays/allow': { url: 'wss://bad.example' },
  'observatory/alerts': {},
  'observatory/tier/subscribe': { key: API_KEY_ID, tier: 'plus' },
  'observatory/tier': { key: API_KEY_ID },
  'observatory/tier/end': { key: API_KEY_ID },
  audit: { limit: 10 },
  'audit/verify': {},
}

function requestFor(path: string, isChange: boolean) {
  const input = INPUTS[path.replace('/dashboard/', '')] ?? {}
  const query = new URLSearchParams(
    Object.entries(input).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
  if (isChange) return { method: 'POST', path, body: input } as const
  return { method: 'GET', path: query === '' ? path : `${path}?${query}` } as const
}

test('every operation can be carried out by an owner, and its answer is as the documentation says', async () => {
  rig.connections.push(testConnection('c1'), testConnection('c2', { pubkeys: [PUBKEY] }))
  rig.held.push(heldEvent(EVENT), heldEvent(PUBKEY))
  rig.reports.push(reportedEvent(EVENT))
  expect(Object.keys(INPUTS).toSorted()).toEqual(OPERATIONS.map(({ path }) => path.slice(11)).toSorted())
  for (const name of Object.keys(INPUTS)) {
    const operation = OPERATIONS.find(({ path }) => path === `/dashboard/${name}`)!
    const answer = await rig.send({ ...requestFor(operation.path, operation.isChange), by: rig.owner })
    expect({ name, status: answer.status, text: answer.text }).toMatchObject({ status: 200 })
    const mistakes = Compile(operation.output).Errors(answer.json)
    expect({ name, mistakes }).toEqual({ name, mistakes: [] })
  }
})

const MODERATORS_READ = ['access/entries', 'queue', 'reports', 'members', 'roles', 'status']
const MODERATORS_CHANGE = [
  'access/change',
  'events/allow',
  'queue/approve',
  'queue/reject',
  'reports/resolve',
]

test('whoever has no role does nothing, and a moderator no more than moderate', async () => {
  for (const { path, isChange } of OPERATIONS) {
    const request = requestFor(path, isChange)
    expect({ path, status: (await rig.send(request)).status }).toEqual({ path, status: 401 })
    expect({ path, status: (await rig.send({ ...request, by: rig.stranger })).status }).toEqual({
      path,
      status: 403,
    })
    const isTheirs = [...MODERATORS_READ, ...MODERATORS_CHANGE].includes(path.slice(11))
    const { status } = await rig.send({ ...request, by: rig.moderator })
    expect({ path, isRefused: status === 403 }).toEqual({ path, isRefused: !isTheirs })
  }
})

test('a moderator may ban, but not purge, level, or open the relay', async () => {
  const change = (body: object) =>
    rig.send({ method: 'POST', path: '/dashboard/access/change', body, by: rig.moderator })
  const ban = { do: 'ban-pubkey', pubkey: PUBKEY, reason: '' }
  expect((await change({ changes: [ban] })).status).toBe(200)
  expect((await change({ changes: [ban], purge: true })).status).toBe(403)
  expect((await change({ changes: [ban, { do: 'set-maintenance', maintenance: true }] })).status).toBe(403)
  expect((await change({ changes: [{ do: 'set-level', pubkey: PUBKEY, level: 4 }] })).status).toBe(403)
  expect(rig.access.toJSON()).toMatchObject({ maintenance: false, levels: {} })
})

test('a moderator may not ban an owner or operator, neither by the key nor by a report of their event', async () => {
  const event = 'ee'.repeat(32)
  const resolve = (by: TestKey, decision: string) =>
    rig.send({
      method: 'POST',
      path: '/dashboard/reports/resolve',
      body: { subject: 'event', target: event, decision },
      by,
    })
  for (const { publicKey } of [rig.owner, rig.operatorKey]) {
    const changes = [{ do: 'ban-pubkey', pubkey: publicKey, reason: '' }]
    const ban = { method: 'POST', path: '/dashboard/access/change', body: { changes } } as const
    expect((await rig.send({ ...ban, by: rig.moderator })).status).toBe(403)
    rig.reports.push(reportedEvent(event))
    rig.authors.set(event, publicKey)
    for (const decision of ['ban-pubkey', 'shadow-pubkey']) {
      expect((await resolve(rig.moderator, decision)).status).toBe(403)
    }
    expect(rig.done.filter(({ what }) => what.includes(event))).toEqual([])
    expect((await resolve(rig.owner, 'ban-pubkey')).status).toBe(200)
    rig.done.splice(0)
  }
  rig.reports.push(reportedEvent(event))
  rig.authors.set(event, PUBKEY)
  expect((await resolve(rig.moderator, 'ban-pubkey')).status).toBe(200)
})

test('while nobody can say who is staff, a moderator bans nobody', async () => {
  const headers = { authorization: 'Bearer stoa_mod' }
  rig.accounts.apiKeys.set('stoa_mod', {
    via: 'api-key',
    pubkeys: [rig.moderator.publicKey],
    roles: ['moderator'],
    scopes: ['console:moderate'],
  })
  rig.closed.add('staff')
  const changes = [{ do: 'ban-pubkey', pubkey: PUBKEY, reason: '' }]
  const ban = { method: 'POST', path: '/dashboard/access/change', body: { changes }, headers } as const
  expect((await rig.send(ban)).status).toBe(403)
  rig.closed.delete('staff')
  expect((await rig.send(ban)).status).toBe(200)
})

test('what is done with an API key is noted under its owner and with the name of the key', async () => {
  const made = await rig.send({
    method: 'POST',
    path: '/api/auth/keys/create',
    body: { name: 'the bot', scopes: ['console:operate'] },
    by: rig.operatorKey,
  })
  const { id, key } = made.json as { readonly id: string; readonly key: string }
  const change = { method: 'POST', path: '/dashboard/backups/start', body: {} } as const
  await rig.send({ ...change, headers: { authorization: `Bearer ${key}` } })
  await rig.send({ ...change, by: rig.operatorKey })
  const actor = rig.operatorKey.publicKey
  expect(rig.done.map(({ by }) => by)).toEqual([
    { actor, role: 'operator', apiKey: { id, name: 'the bot' } },
    { actor, role: 'operator' },
  ])
})

describe('a request that is not as described changes nothing and says what is wrong:', () => {
  test.each([
    ['an unknown member', { changes: [], purged: true }, 'additional'],
    ['nothing to change', { changes: [] }, 'changes'],
    ['an unknown change', { changes: [{ do: 'drop' }] }, 'changes.0 is none of what it may be'],
    ['a key in capitals', { changes: [{ do: 'unban-pubkey', pubkey: 'AB'.repeat(32) }] }, 'changes.0'],
    ['a list', [], 'the request'],
  ])('%s', async (_what, body, text) => {
    const answer = await rig.send({ method: 'POST', path: '/dashboard/access/change', body, by: rig.owner })
    expect(answer).toMatchObject({
      status: 400,
      json: { error: { code: 'INVALID', message: expect.stringContaining(text) } },
    })
    expect(rig.done).toEqual([])
  })

  test('a query', async () => {
    const answer = await rig.send({ path: '/dashboard/reports?limit=many', by: rig.owner })
    expect(answer).toMatchObject({ status: 400, json: { error: { code: 'INVALID' } } })
  })
})

test('an order of settlement is given up for whoever asks; only their promise is handed on, and refusals as they come', async () => {
  const giveUp = (body: object) =>
    rig.send({ method: 'POST', path: '/dashboard/interledger/settlement/give-up', body, by: rig.operatorKey })
  expect((await giveUp({ key: 'order-1' })).json).toMatchObject({ error: { code: 'ORDER_UNCERTAIN' } })
  expect((await giveUp({ key: 'order-9', neverTaken: true })).json).toMatchObject({
    error: { code: 'UNKNOWN_ORDER' },
  })
  expect((await giveUp({ key: 'order-1', neverTaken: 'yes' })).status).toBe(400)
  expect(rig.done).toEqual([])
  expect((await giveUp({ key: 'order-1', neverTaken: true })).json).toEqual({ state: 'given_up' })
  const by = { actor: rig.operatorKey.publicKey, role: 'operator' }
  expect(rig.done).toEqual([{ by, what: 'give-up order-1' }])
})

describe('the observatory', () => {
  test('is exported as a file for operators, and for nobody else', async () => {
    const path = '/dashboard/observatory/export?what=clients&format=csv'
    const file = await rig.send({ path, by: rig.operatorKey })
    expect(file).toMatchObject({ status: 200, text: 'what,format\nclients,csv\n' })
    expect(file.headers).toMatchObject({
      'content-type': expect.stringContaining('text/csv'),
      'content-disposition': 'attachment; filename="clients.csv"',
    })
    expect((await rig.send({ path })).status).toBe(401)
    expect((await rig.send({ path, by: rig.moderator })).status).toBe(403)
    const wrong = await rig.send({
      path: '/dashboard/observatory/export?what=everything',
      by: rig.operatorKey,
    })
    expect(wrong).toMatchObject({ status: 400, json: { error: { code: 'INVALID' } } })
    rig.closed.add('observatory')
    expect((await rig.send({ path, by: rig.operatorKey })).status).toBe(503)
  })

  test('that is switched off says so, and not that it will be there in a moment', async () => {
    Object.assign(rig.operator, {
      observatory: () => {
        throw new RefusedError({ code: 'UNAVAILABLE', text: 'the observatory is off' })
      },
    })
    for (const path of ['/dashboard/observatory', '/dashboard/observatory/export?what=clients'])
      expect(await rig.send({ path, by: rig.owner })).toMatchObject({
        status: 503,
        json: { error: { code: 'UNAVAILABLE', message: 'the observatory is off' } },
      })
  })
})

test('connections are named by exactly one of id, key and address', async () => {
  rig.connections.push(testConnection('c1'), testConnection('c2', { pubkeys: [PUBKEY] }))
  const close = (body: object) =>
    rig.send({ method: 'POST', path: '/dashboard/connections/close', body, by: rig.owner })
  expect((await close({})).status).toBe(400)
  expect((await close({ id: 'c1', pubkey: PUBKEY })).status).toBe(400)
  expect((await close({ pubkey: PUBKEY })).json).toEqual({ closed: 1 })
  expect(rig.connections.map(({ id }) => id)).toEqual(['c1'])
})

test('connections are shown by traffic and can be narrowed to a key', async () => {
  rig.connections.push(
    testConnection('quiet'),
    testConnection('loud', { bytesOut: 9_000, pubkeys: [PUBKEY] }),
  )
  const ids = async (query: string) => {
    const { json } = await rig.send({ path: `/dashboard/connections${query}`, by: rig.owner })
    return (json as readonly { readonly id: string }[]).map(({ id }) => id)
  }
  expect(await ids('')).toEqual(['loud', 'quiet'])
  expect(await ids(`?pubkey=${PUBKEY}`)).toEqual(['loud'])
  expect(await ids('?limit=1')).toEqual(['loud'])
})

describe('an authorization is for one request:', () => {
  test('its query belongs to it (R-15)', async () => {
    const authorization = await rig.owner.authorize({
      method: 'GET',
      url: `${BASE_URL}/dashboard/audit?limit=1`,
    })
    const ask = (path: string) => rig.send({ path, headers: { authorization } })
    expect((await ask('/dashboard/audit?limit=1')).status).toBe(200)
    expect((await ask('/dashboard/audit?limit=2')).status).toBe(401)
    expect((await ask('/dashboard/audit')).status).toBe(401)
  })

  test('its body belongs to it (R-15)', async () => {
    const path = '/dashboard/staff/grant'
    const body = JSON.stringify({ pubkey: PUBKEY, role: 'moderator' })
    const authorization = await rig.owner.authorize({ method: 'POST', url: `${BASE_URL}${path}`, body })
    const other = await rig.send({
      method: 'POST',
      path,
      body: { pubkey: PUBKEY, role: 'owner' },
      headers: { authorization },
    })
    expect(other.status).toBe(401)
    expect(rig.done).toEqual([])
  })

  test('a change is made once by it', async () => {
    const path = '/dashboard/backups/start'
    const authorization = await rig.owner.authorize({ method: 'POST', url: `${BASE_URL}${path}`, body: '{}' })
    const ask = () => rig.send({ method: 'POST', path, body: {}, headers: { authorization } })
    expect((await ask()).status).toBe(200)
    expect(await ask()).toMatchObject({ status: 401, json: { error: { code: 'UNAUTHORIZED' } } })
    expect(rig.done).toHaveLength(1)
  })
})

describe('an API key does what both its owner and its scopes allow:', () => {
  const give = (scopes: readonly string[], roles: readonly string[] = ['operator']) => {
    rig.accounts.apiKeys.set('stoa_test', { via: 'api-key', pubkeys: [PUBKEY], roles, scopes })
    return { authorization: 'Bearer stoa_test' }
  }
  const approve = { method: 'POST', path: '/dashboard/queue/approve', body: { id: EVENT } } as const
  const backUp = { method: 'POST', path: '/dashboard/backups/start', body: {} } as const

  test('to read', async () => {
    const headers = give(['console:read'])
    expect((await rig.send({ path: '/dashboard/audit', headers })).status).toBe(200)
    expect((await rig.send({ ...approve, headers })).status).toBe(403)
    expect((await rig.send({ ...backUp, headers })).status).toBe(403)
  })

  test('to moderate', async () => {
    const headers = give(['console:moderate'])
    rig.held.push(heldEvent(EVENT))
    expect((await rig.send({ ...approve, headers })).status).toBe(200)
    expect((await rig.send({ ...backUp, headers })).status).toBe(403)
  })

  test('of somebody without a role, nothing', async () => {
    expect(
      (await rig.send({ path: '/dashboard/status', headers: give(['console:operate'], []) })).status,
    ).toBe(403)
    expect(
      (await rig.send({ path: '/dashboard/status', headers: { authorization: 'Bearer stoa_unknown' } }))
        .status,
    ).toBe(401)
  })
})

test('a part that is not ready is answered 503, and comes when it is', async () => {
  rig.closed.add('moderation')
  const ask = () => rig.send({ path: '/dashboard/queue', by: rig.owner })
  expect(await ask()).toMatchObject({ status: 503, json: { error: { code: 'UNAVAILABLE' } } })
  rig.closed.delete('moderation')
  expect((await ask()).status).toBe(200)
})

test('a list that cannot be had is answered 503 with the reason, and not as an empty one', async () => {
  const desk = rig.operator.interledger()!
  const refusing = () => Promise.reject(new RefusedError({ code: 'UNAVAILABLE', text: 'nobody answered' }))
  Object.assign(desk, { stats: refusing })
  Object.assign(desk.peers, { list: refusing })
  for (const path of ['/dashboard/interledger', '/dashboard/interledger/peers'])
    expect(await rig.send({ path, by: rig.owner })).toMatchObject({
      status: 503,
      json: { error: { code: 'UNAVAILABLE', message: 'nobody answered' } },
    })
})

test('a refusal keeps its code and has the status that goes with it', async () => {
  const grant = {
    method: 'POST',
    path: '/dashboard/staff/grant',
    body: { pubkey: PUBKEY, role: 'owner' },
  } as const
  expect(await rig.send({ ...grant, by: rig.operatorKey })).toMatchObject({
    status: 403,
    json: { error: { code: 'NOT_ALLOWED' } },
  })
  const reject = { method: 'POST', path: '/dashboard/queue/reject', body: { id: EVENT } } as const
  expect(await rig.send({ ...reject, by: rig.owner })).toMatchObject({
    status: 404,
    json: { error: { code: 'NOT_FOUND' } },
  })
})

test('one address that asks too often waits, and others do not', async () => {
  const ask = (address: string) =>
    rig.send({ path: '/dashboard/status', headers: { 'x-test-address': address } })
  for (let count = 0; count < DASHBOARD_RATES.show; count++) await ask('192.0.2.1')
  expect(await ask('192.0.2.1')).toMatchObject({ status: 429, json: { error: { code: 'RATE_LIMITED' } } })
  expect((await ask('192.0.2.2')).status).toBe(401)
})

test('answers are kept by nobody, are understood by browsers of other sites, and hide what we run on', async () => {
  const { headers } = await rig.send({
    path: '/dashboard/status',
    by: rig.owner,
    headers: { origin: 'https://a.example' },
  })
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("default-src 'self'"),
  })
})

test('pages of others on the same server stay as they are', async () => {
  const { headers, status } = await rig.send({ path: '/healthz' })
  expect(status).toBe(200)
  expect(Object.keys(headers)).not.toContain('content-security-policy')
})

test('the documentation is OpenAPI 3.1, names every operation, and is readable without a script', async () => {
  const { json } = await rig.send({ path: '/api/v1/docs/openapi.json' })
  const document = json as { readonly openapi: string; readonly paths: Readonly<Record<string, object>> }
  expect(document.openapi).toBe('3.1.0')
  for (const { path } of OPERATIONS) expect(Object.keys(document.paths)).toContain(path)
  expect(Object.keys(document.paths)).toContain('/api/auth/sign-in')
  expect(document.paths['/dashboard/interledger/stream']).toMatchObject({ get: { tags: ['interledger'] } })
  expect(document.paths['/dashboard/invites/create']).toMatchObject({
    post: { requestBody: { content: { 'application/json': { schema: { required: ['maxUses'] } } } } },
  })
  const page = await rig.send({ path: '/api/v1/docs' })
  expect(page.text).toContain('POST /dashboard/access/change')
  expect(page.text).not.toContain('<script')
  expect(page.headers['content-security-policy']).toContain("default-src 'none'")
})

describe('names (NIP-05, Z-02):', () => {
  beforeEach(() => {
    rig.names.push({ name: 'bob', pubkey: PUBKEY, relays: ['wss://relay.example'] })
  })

  test('a name is answered for any site, without a redirect', async () => {
    const answer = await rig.send({ path: '/.well-known/nostr.json?name=bob' })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': '*' })
    expect(answer.json).toEqual({ names: { bob: PUBKEY }, relays: { [PUBKEY]: ['wss://relay.example'] } })
  })

  test('nobody is told all the names', async () => {
    expect((await rig.send({ path: '/.well-known/nostr.json' })).json).toEqual({ names: {}, relays: {} })
  })
})
