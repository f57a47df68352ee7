import { type FastifyInstance, fastify } from 'fastify'
import Value from 'typebox/value'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { accepted, refused } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { addAlertRoutes, alertPaths } from './index.ts'
import { ALERT_ROUTES } from './routes.ts'
import { ALICE, BOB, openTestAlerts, type TestAlerts, testSnapshot } from './testing/index.ts'

let database: Database
let rig: TestAlerts
let app: FastifyInstance
let isReady = true
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  isReady = true
  rig = await openTestAlerts(database, { sends: false, fetching: { allowsPrivateAddresses: false } })
  app = fastify()
  addAlertRoutes(app, {
    alerts: () => (isReady ? rig.alerts : undefined),
    identify: async ({ headers: { authorization } }) => {
      if (authorization === 'alice') return accepted({ pubkey: ALICE, mayChange: true, isOperator: true })
      if (authorization === 'bob') return accepted({ pubkey: BOB, mayChange: true })
      if (authorization === "bob's reader") return accepted({ pubkey: BOB, mayChange: false })
      return refused({ code: 'UNAUTHORIZED', text: 'sign the request' })
    },
    addressOf: ({ headers }) => headers['x-test-address']?.toString(),
  })
  await app.ready()
})
afterEach(async () => {
  await app.close()
  await rig.stop()
  await database.db.deleteFrom('observatory_webhooks').execute()
  await database.db.deleteFrom('observatory_alert_rules').execute()
})

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

async function ask(method: Method, path: string, body?: unknown, who = 'bob') {
  const answer = await app.inject({
    method,
    url: `/api/v1/stats/${path}`,
    headers: { authorization: who, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const said = answer.json()
  // That refusal is the framework's, to which the application gives its shape.
  const wrong = answer.statusCode === 413 ? [] : mistakes(method, path, answer.statusCode, said)
  expect([method, path, ...wrong]).toEqual([method, path])
  return { status: answer.statusCode, body: said, headers: answer.headers }
}

/** In what an answer differs from what the OpenAPI document says of it. */
function mistakes(method: Method, path: string, status: number, body: unknown): readonly unknown[] {
  const names = path.split('?', 1)[0]?.replace(/\/(?!history)[^/]+/, '/{id}')
  const { responses } = alertPaths()[`/api/v1/stats/${names}`]![method.toLowerCase()]!
  const described = responses[status] ?? responses[`${String(status)[0]}XX`]
  return [...Value.Errors(described!.content['application/json']!.schema, body)]
}

const RULE = {
  name: 'slow',
  range: '24h',
  condition: {
    type: 'threshold',
    figure: 'relays[wss://Relay.example/].latencyP95Ms',
    is: 'above',
    value: 800,
  },
  channels: [],
}

test('an alert is made, shown, changed and removed', async () => {
  const made = await ask('POST', 'alerts', { ...RULE, clear_after_seconds: 60 })
  expect(made).toMatchObject({ status: 201, headers: { 'cache-control': 'no-store' } })
  expect(made.body).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{16}$/),
    name: 'slow',
    range: '24h',
    condition: { ...RULE.condition, figure: 'relays[wss://relay.example].latencyP95Ms' },
    channels: [],
    clear_after_seconds: 60,
    quiet_seconds: 3_600,
    is_paused: false,
    created_at: '2027-01-15T08:00:00Z',
    state: 'quiet',
    since: '2027-01-15T08:00:00Z',
    is_notified: false,
    last_notice_at: null,
  })
  const path = `alerts/${made.body.id}`
  expect((await ask('GET', path)).body).toEqual(made.body)
  expect((await ask('PATCH', path, { is_paused: true, quiet_seconds: 120 })).body).toEqual({
    ...made.body,
    is_paused: true,
    quiet_seconds: 120,
  })
  expect((await ask('GET', 'alerts')).body.alerts).toHaveLength(1)
  expect(await ask('DELETE', path)).toMatchObject({ status: 200, body: { done: true } })
  expect(await ask('GET', path)).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } })
})

test('a webhook is made with a secret that no later answer holds, tested, disabled and removed', async () => {
  const { status, body } = await ask('POST', 'webhooks', { url: 'https://hook.example/x', topics: ['alert'] })
  expect([status, body.secret]).toEqual([201, expect.stringMatching(/^whsec_[A-Za-z0-9_-]{43}$/)])
  const { secret, ...shown } = body
  const path = `webhooks/${body.id}`
  expect((await ask('GET', path)).body).toEqual(shown)
  expect((await ask('GET', 'webhooks')).body).toEqual({ webhooks: [shown] })
  expect((await ask('POST', `${path}/test`)).body).toEqual({
    delivery: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
  expect(await ask('POST', `${path}/test`)).toMatchObject({
    status: 409,
    body: { error: { code: 'LIMIT_REACHED' } },
  })
  const disabled = await ask('PATCH', path, { is_enabled: false })
  expect(disabled.body).toMatchObject({ is_enabled: false, disabled_why: 'its owner has disabled it' })
  const renewed = await ask('PATCH', path, { new_secret: true, is_enabled: true })
  expect(renewed.body).toMatchObject({ is_enabled: true, secret: expect.stringMatching(/^whsec_/) })
  expect(renewed.body.secret).not.toBe(secret)
  expect((await ask('DELETE', path)).body).toEqual({ done: true })
  expect(await ask('DELETE', path)).toMatchObject({ status: 404 })
})

test.each([
  [{ ...RULE, range: '1h' }, /range/],
  [{ ...RULE, more: 1 }, /request|more/],
  [{ ...RULE, name: '' }, /name/],
  [{ ...RULE, name: 'two\nlines' }, /name/],
  [{ ...RULE, clear_after_seconds: 1 }, /clear_after_seconds must be >= 30/],
  [
    { ...RULE, condition: { type: 'threshold', figure: 'beauty', is: 'above', value: 1 } },
    /there is no figure "beauty"/,
  ],
  [{ ...RULE, condition: { type: 'magic' } }, /condition\.type must be one of threshold, change, relay-down/],
  [{ ...RULE, condition: { type: 'relay-slow', relay: 'wss://x.example' } }, /^condition: .*required.*ms/],
  [{ ...RULE, channels: [{ type: 'pigeon' }] }, /channels\.0.* is none of what it may be/],
  [
    { ...RULE, condition: { type: 'relay-down', relay: 'http://x.example', minutes: 5 } },
    /no address of a relay/,
  ],
  [{ ...RULE, channels: [{ type: 'webhook', webhook: 'other' }] }, /you have no webhook other/],
  [{ ...RULE, channels: [{ type: 'email' }] }, /no mail is sent/],
  ['{"name":', /not JSON/],
  [undefined, /name/],
])('%j is no alert', async (body, why) => {
  const { status, body: answer } = await ask('POST', 'alerts', body)
  expect([status, answer]).toEqual([400, { error: { code: 'INVALID', message: expect.stringMatching(why) } }])
  expect((await ask('GET', 'alerts')).body).toEqual({ alerts: [] })
})

test.each([
  [{ url: 'https://10.0.0.1/', topics: [] }, /no address of the internet/],
  [{ url: 'javascript:alert(1)', topics: [] }, /must be an address/],
  [{ url: 'https://hook.example', topics: ['everything'] }, /topics/],
  [{ url: 'https://hook.example' }, /topics/],
])('%j is no webhook', async (body, why) => {
  const { status, body: answer } = await ask('POST', 'webhooks', body)
  expect([status, answer]).toEqual([400, { error: { code: 'INVALID', message: expect.stringMatching(why) } }])
})

test('a body that is too long is not read', async () => {
  const { status } = await ask('POST', 'alerts', { ...RULE, name: 'x'.repeat(20_000) })
  expect(status).toBe(413)
})

test('who does not say who they are gets nothing, and who asks before the database is ready is told so', async () => {
  expect(await ask('GET', 'alerts', undefined, 'nobody')).toMatchObject({
    status: 401,
    body: { error: { code: 'UNAUTHORIZED', message: 'sign the request' } },
  })
  isReady = false
  expect(await ask('GET', 'alerts')).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE' } } })
})

test("only an operator reaches the operator's alerts, and nobody those of another person", async () => {
  expect(await ask('POST', 'alerts?owner=operator', RULE, 'alice')).toMatchObject({ status: 201 })
  expect((await ask('GET', 'alerts?owner=operator', undefined, 'alice')).body.alerts).toHaveLength(1)
  expect((await ask('GET', 'alerts', undefined, 'alice')).body.alerts).toEqual([])
  expect(await ask('GET', 'alerts?owner=operator')).toMatchObject({ status: 403 })
  expect(await ask('GET', `alerts?owner=${BOB}`, undefined, 'alice')).toMatchObject({ status: 403 })
})

test('an API key that reads only sees the alerts and webhooks of its owner, and changes none of them', async () => {
  const alert = (await ask('POST', 'alerts', RULE)).body
  const webhook = (await ask('POST', 'webhooks', { url: 'https://hook.example/x', topics: ['alert'] })).body
  const reader = "bob's reader"
  const changes: readonly [Method, string, unknown?][] = [
    ['POST', 'alerts', RULE],
    ['PATCH', `alerts/${alert.id}`, { is_paused: true }],
    ['DELETE', `alerts/${alert.id}`],
    ['POST', 'webhooks', { url: 'https://hook.example/y', topics: ['alert'] }],
    ['PATCH', `webhooks/${webhook.id}`, { new_secret: true }],
    ['POST', `webhooks/${webhook.id}/test`],
    ['DELETE', `webhooks/${webhook.id}`],
  ]
  // Each route that changes something is among them.
  const routes = ALERT_ROUTES.filter(({ method }) => method !== 'GET')
  expect(changes).toHaveLength(routes.length)
  for (const [method, path, body] of changes) {
    expect(await ask(method, path, body, reader)).toMatchObject({
      status: 403,
      body: { error: { code: 'NOT_ALLOWED', message: expect.stringContaining('only read') } },
    })
  }
  const { secret: _, ...shown } = webhook
  expect((await ask('GET', 'alerts', undefined, reader)).body).toEqual({ alerts: [alert] })
  expect((await ask('GET', `alerts/${alert.id}`, undefined, reader)).body).toEqual(alert)
  expect((await ask('GET', 'webhooks', undefined, reader)).body).toEqual({ webhooks: [shown] })
  expect((await ask('GET', 'alerts/history', undefined, reader)).status).toBe(200)
})

test('the history is read by pages, the newest first, and of one alert when that is asked for', async () => {
  const condition = { type: 'threshold', figure: 'events', is: 'above', value: 1 }
  const ids: string[] = []
  for (const name of ['a', 'b', 'c'])
    ids.push((await ask('POST', 'alerts', { ...RULE, name, condition })).body.id)
  await rig.alerts.observe(testSnapshot({ events: 5 }))
  const all = (await ask('GET', 'alerts/history')).body.entries
  expect(all.map(({ name }: { readonly name: string }) => name).toSorted()).toEqual(['a', 'b', 'c'])
  expect(all[0]).toMatchObject({ what: 'firing', text: 'events is 5', is_notified: true, webhook: null })
  const first = (await ask('GET', 'alerts/history?limit=2')).body.entries
  const second = (await ask('GET', `alerts/history?limit=2&before=${first[1].number}`)).body.entries
  expect([...first, ...second]).toEqual(all)
  expect((await ask('GET', `alerts/history?alert=${ids[1]}`)).body.entries).toHaveLength(1)
  expect(await ask('GET', 'alerts/history?limit=0')).toMatchObject({ status: 400 })
  expect(await ask('GET', 'alerts/history?before=x')).toMatchObject({ status: 400 })
  expect((await ask('GET', 'alerts/history', undefined, 'alice')).body.entries).toEqual([])
})

test('an address that asks too much is told so before anybody looks who it is; others are not', async () => {
  const status = async (address: string): Promise<number> => {
    const headers = { 'x-test-address': address, authorization: 'nobody' }
    return (await app.inject({ url: '/api/v1/stats/alerts', headers })).statusCode
  }
  const asked: number[] = []
  for (let n = 0; n < 130; n++) asked.push(await status('192.0.2.1'))
  expect([asked.filter((one) => one === 401).length, asked.filter((one) => one === 429).length]).toEqual([
    120, 10,
  ])
  expect(await status('192.0.2.2')).toBe(401)
})
