import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Outcome, Refusal } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { Jobs } from '../../platform/jobs/index.ts'
import type { Snapshot } from '../snapshot.ts'
import type { AlertMail, AlertMessage, AlertRule, NewAlertRule, OpenAlertsDeps, Topic } from './index.ts'
import {
  ALICE,
  type Answer,
  BOB,
  forgetAlerts,
  isGenuineOfReadme,
  NOW,
  openTestAlerts,
  type Receiver,
  startReceiver,
  startTestJobs,
  type TestAlerts,
  testRelay,
  testSnapshot,
} from './testing/index.ts'

const PATIENCE = { timeout: 40_000, interval: 50 }
const DAY = 86_400

let database: Database
let rig: TestAlerts | undefined
const receivers: Receiver[] = []
beforeAll(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await rig?.stop()
  rig = undefined
  for (const receiver of receivers.splice(0)) await receiver.close()
  await forgetAlerts(database)
})
afterAll(() => database.close())

async function open(deps: Partial<OpenAlertsDeps> = {}): Promise<TestAlerts> {
  rig = await openTestAlerts(database, deps)
  return rig
}

async function receive(answer?: (before: number) => Answer): Promise<Receiver> {
  const receiver = await startReceiver(answer)
  receivers.push(receiver)
  return receiver
}

async function hook(url: string, topics: readonly Topic[] = [], owner = ALICE) {
  const { webhook, secret = '' } = must(await rig!.alerts.webhooks.create(owner, { url, topics }))
  return { id: webhook.id, secret }
}

const MANY: NewAlertRule = {
  name: 'many events',
  range: '24h',
  condition: { type: 'threshold', figure: 'events', is: 'above', value: 10 },
  channels: [],
  clearAfterSeconds: 60,
  quietSeconds: 600,
}

async function rule(members: Partial<NewAlertRule> = {}, owner = ALICE): Promise<AlertRule> {
  return must(await rig!.alerts.rules.create(owner, { ...MANY, ...members }))
}

/** The figures so many seconds after the beginning. */
const see = (after: number, members: Partial<Snapshot> = {}) =>
  rig!.alerts.observe(testSnapshot({ atSeconds: NOW + after, ...members }))

const whats = async (owner = ALICE) =>
  (await rig!.alerts.history({ owner }))
    .map(({ what, isNotified }) => `${what}${isNotified ? '!' : ''}`)
    .toReversed()

const deliveries = () =>
  database.db.selectFrom('observatory_deliveries').selectAll().orderBy('at').orderBy('id').execute()

function must<T>(outcome: Outcome<T, Refusal>): T {
  if (outcome.ok) return outcome.value
  throw new Error(outcome.refusal.text)
}

test('alerts that cannot work on both of their queues work on none, as another would begin them twice', async () => {
  const jobs = await startTestJobs(database)
  const working: string[] = []
  const ended: string[] = []
  const failing: Jobs = {
    ...jobs,
    work: async (queue, handler, options) => {
      if (working.length === 1) throw new Error('the database is away')
      working.push(queue.name)
      const end = await jobs.work(queue, handler, options)
      return async () => {
        ended.push(queue.name)
        await end()
      }
    },
  }
  try {
    await expect(open({ jobs: failing })).rejects.toThrow('the database is away')
    expect(ended).toEqual(working)
    expect(ended).toHaveLength(1)
  } finally {
    await jobs.stop()
  }
})

test('a rule that fires is told to its webhook with a signature that the code of the README takes, and once when it clears', async () => {
  await open()
  const receiver = await receive()
  const { id, secret } = await hook(receiver.url)
  const { id: ruleId } = await rule({ channels: [{ type: 'webhook', webhook: id }] })
  for (const [after, events] of [
    [0, 5],
    [1, 11],
    [2, 12],
    [3, 4],
    [62, 4],
    [63, 4],
    [64, 4],
  ] as const) {
    await see(after, { events })
  }
  await vi.waitFor(() => expect(receiver.received).toHaveLength(2), PATIENCE)
  const isGenuine = await isGenuineOfReadme()
  for (const { signature, text, id: header, body } of receiver.received) {
    expect(isGenuine(signature, text, secret, NOW)).toBe(true)
    expect(isGenuine(signature, `${text} `, secret, NOW)).toBe(false)
    expect(isGenuine(signature, text, `${secret}x`, NOW)).toBe(false)
    expect(isGenuine(signature, text, secret, NOW + 301)).toBe(false)
    expect(isGenuine(signature.replace(`t=${NOW}`, `t=${NOW + 1}`), text, secret, NOW)).toBe(false)
    expect(header).toBe(body.id)
  }
  const told = receiver.received.map(({ body }) => body).toSorted((a, b) => a.at.localeCompare(b.at))
  expect(told).toEqual([
    {
      id: expect.any(String),
      topic: 'alert',
      at: '2027-01-15T08:00:01Z',
      data: {
        alert: ruleId,
        name: 'many events',
        state: 'firing',
        time_range: '24h',
        condition: MANY.condition,
        says: 'events above 10',
        found: 'events is 11',
        since: '2027-01-15T08:00:01Z',
      },
    },
    {
      id: expect.any(String),
      topic: 'alert',
      at: '2027-01-15T08:01:03Z',
      data: expect.objectContaining({
        state: 'cleared',
        found: 'events is 4',
        since: '2027-01-15T08:00:01Z',
      }),
    },
  ])
  expect(await whats()).toEqual(['firing!', 'cleared!'])
})

test('a webhook that fails twice and then accepts gets one delivery, under one id, at its third try', async () => {
  await open()
  const receiver = await receive((before) => (before < 2 ? 500 : 200))
  const { id } = await hook(receiver.url, ['alert'])
  await rule({ channels: [{ type: 'webhook', webhook: id }] })
  await see(0, { events: 11 })
  await vi.waitFor(
    async () => expect((await deliveries()).map(({ state }) => state)).toEqual(['delivered']),
    PATIENCE,
  )
  expect(receiver.received.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  expect(new Set(receiver.received.map(({ id: delivery }) => delivery)).size).toBe(1)
  expect(must(await rig!.alerts.webhooks.get(ALICE, id))).toMatchObject({
    lastSuccessSeconds: NOW,
    failingSinceSeconds: undefined,
    lastFailure: undefined,
  })
})

test('a webhook that answers too slowly or redirects has taken nothing, and shows why', async () => {
  await open({ fetching: { timeoutMs: 200 } })
  const slow = await receive((before) => (before === 0 ? () => {} : 204))
  const away = await receive((before) =>
    before === 0 ? (response) => response.writeHead(302, { location: slow.url }).end() : 204,
  )
  const hooks = [await hook(slow.url), await hook(away.url)]
  for (const { id } of hooks) must(await rig!.alerts.webhooks.test(ALICE, id))
  await vi.waitFor(async () => {
    const states = (await deliveries()).map(({ state, attempts }) => `${state} ${attempts}`)
    expect(states).toEqual(['delivered 2', 'delivered 2'])
  }, PATIENCE)
  expect([slow, away].map(({ received }) => received.map(({ topic }) => topic))).toEqual([
    ['test', 'test'],
    ['test', 'test'],
  ])
  expect((await deliveries()).map(({ failure }) => failure ?? '').toSorted()).toEqual([
    'it answered with the status 302',
    'it did not answer within 200 ms',
  ])
})

test('a webhook that answers endless bytes has taken its delivery, once', async () => {
  await open()
  const receiver = await receive(() => (response) => {
    response.writeHead(200)
    const more = (): void => {
      if (!response.destroyed) response.write(Buffer.alloc(2 ** 16), more)
    }
    more()
  })
  const { id } = await hook(receiver.url)
  must(await rig!.alerts.webhooks.test(ALICE, id))
  await vi.waitFor(
    async () => expect((await deliveries()).map(({ state }) => state)).toEqual(['delivered']),
    PATIENCE,
  )
  expect(receiver.received).toHaveLength(1)
})

test('a webhook that has failed for three days is disabled, says so, gets nothing more, and works again when it is enabled', async () => {
  const messages: AlertMessage[] = []
  let isBroken = true
  const { alerts, clock } = await open({ sendDirectMessage: async (message) => void messages.push(message) })
  const receiver = await receive(() => (isBroken ? 503 : 204))
  const { id } = await hook(receiver.url)
  await rule({ channels: [{ type: 'webhook', webhook: id }] })
  await see(0, { events: 11 })
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(0), PATIENCE)
  clock.advanceSeconds(3 * DAY)
  await vi.waitFor(async () => {
    expect(must(await alerts.webhooks.get(ALICE, id))).toMatchObject({
      failingSinceSeconds: NOW,
      disabledAtSeconds: NOW + 3 * DAY,
      disabledWhy: 'it has taken nothing for 3 days; at last it answered with the status 503',
    })
    expect(messages.map(({ recipient }) => recipient)).toEqual([ALICE])
    expect((await deliveries()).find(({ channel }) => channel === 'webhook')?.state).toBe('dropped')
  }, PATIENCE)
  expect(messages[0]?.text).toMatch(
    /gets nothing any more since 2027-01-18T08:00:00Z: it has taken nothing for 3 days/,
  )
  expect((await alerts.history({ owner: ALICE }))[0]).toMatchObject({
    what: 'webhook-disabled',
    webhookId: id,
  })
  expect(await alerts.webhooks.test(ALICE, id)).toMatchObject({ ok: false, refusal: { text: /is disabled/ } })
  isBroken = false
  must(await alerts.webhooks.update(ALICE, id, { isEnabled: true }))
  must(await alerts.webhooks.test(ALICE, id))
  await vi.waitFor(() => expect(receiver.received.at(-1)?.topic).toBe('test'), PATIENCE)
})

test('a webhook that answers 410 is disabled at once', async () => {
  const { alerts } = await open()
  const { id } = await hook((await receive(() => 410)).url)
  must(await alerts.webhooks.test(ALICE, id))
  await vi.waitFor(async () => {
    expect(must(await alerts.webhooks.get(ALICE, id)).disabledWhy).toBe('it answered that it is gone (410)')
  }, PATIENCE)
})

test('within the quiet time a rule that fires again is written and not told, and told when that is over', async () => {
  await open({ sends: false })
  await rule({ channels: [{ type: 'webhook', webhook: (await hook('https://hook.example')).id }] })
  await see(0, { events: 11 })
  for (const after of [1, 61]) await see(after, { events: 0 })
  for (const after of [100, 300, 599]) await see(after, { events: 11 })
  expect(await whats()).toEqual(['firing!', 'cleared!', 'firing'])
  await see(600, { events: 11 })
  expect(await whats()).toEqual(['firing!', 'cleared!', 'firing', 'notified!'])
  expect(await deliveries()).toHaveLength(3)
})

test('a rule goes on where it was after a restart, and two processes that both evaluate it tell it once', async () => {
  await open({ sends: false })
  await rule({ channels: [{ type: 'webhook', webhook: (await hook('https://hook.example')).id }] })
  const other = await openTestAlerts(database, { sends: false })
  const snapshots = [11, 11, 0, 0, 11].map((events, n) => testSnapshot({ atSeconds: NOW + n * 601, events }))
  for (const snapshot of snapshots) {
    await Promise.all([rig!.alerts.observe(snapshot), other.alerts.observe(snapshot)])
  }
  expect(await whats()).toEqual(['firing!', 'cleared!', 'firing!'])
  await other.stop()
  await rig!.stop()
  await open({ sends: false })
  await see(5_000, { events: 11 })
  expect(await whats()).toEqual(['firing!', 'cleared!', 'firing!'])
  expect(await deliveries()).toHaveLength(3)
})

test('a rule that somebody changes begins quietly, by its new condition; a paused or removed one says nothing', async () => {
  const { alerts } = await open({ sends: false })
  const first = await rule()
  const paused = await rule({ name: 'paused', isPaused: true })
  const removed = await rule({ name: 'removed' })
  must(await alerts.rules.remove(ALICE, removed.id))
  await see(0, { events: 11 })
  expect(must(await alerts.rules.get(ALICE, first.id))).toMatchObject({ state: 'firing', sinceSeconds: NOW })
  const condition = { type: 'threshold', figure: 'users', is: 'above', value: 1 } as const
  expect(must(await alerts.rules.update(ALICE, first.id, { condition }))).toMatchObject({
    state: 'quiet',
    condition,
  })
  await see(1, { events: 11 })
  expect((await alerts.history({ owner: ALICE })).map(({ name }) => name)).toEqual(['many events'])
  expect(must(await alerts.rules.get(ALICE, paused.id)).state).toBe('quiet')
})

test('a change is measured against what the figure was, also by a process that was started since', async () => {
  await open({ sends: false })
  const condition = { type: 'change', figure: 'events', direction: 'down', percent: 20, minutes: 60 } as const
  await rule({ condition })
  for (let minute = 0; minute <= 30; minute += 5) await see(minute * 60, { events: 1_000 })
  await rig!.stop()
  await open({ sends: false })
  // Nobody remembers what was an hour before the beginning, and 800 is not less than 80 %.
  for (const [minute, events] of [
    [50, 100],
    [61, 800],
    [62, 799],
  ] as const)
    await see(minute * 60, { events })
  const history = await rig!.alerts.history({ owner: ALICE })
  expect(history.map(({ atSeconds, text }) => [atSeconds - NOW, text])).toEqual([
    [62 * 60, 'events is 799, was 1000 (-20.1 %)'],
  ])
})

test('a relay that is down for long enough fires, and clears when it is back', async () => {
  await open({ sends: false })
  const url = 'wss://relay.example'
  await rule({ condition: { type: 'relay-down', relay: `${url}/`, minutes: 5 } })
  const at = (after: number, state: 'live' | 'waiting') => see(after, { relays: [testRelay(url, { state })] })
  await at(0, 'live')
  for (const after of [10, 309, 310]) await at(after, 'waiting')
  for (const after of [400, 460]) await at(after, 'live')
  const history = await rig!.alerts.history({ owner: ALICE })
  expect(history.map(({ atSeconds, what }) => [atSeconds - NOW, what])).toEqual([
    [460, 'cleared'],
    [310, 'firing'],
  ])
})

test('webhooks are told of relays that are discovered, go down and come back, and not of those that were there before', async () => {
  await open({ limits: { relayDownSeconds: 300, relayUpSeconds: 60 } })
  const receiver = await receive()
  await hook(receiver.url, ['relay.discovered', 'relay.down', 'relay.up'])
  const [old, fresh] = ['wss://old.example', 'wss://fresh.example']
  const live = testRelay(old, { healthScore: 90, uptime: 0.995, latencyP50Ms: 40, events: 7 })
  await see(0, { relays: [live] })
  for (const after of [60, 61])
    await see(after, { relays: [live, testRelay(fresh, { state: 'catching-up' })] })
  for (const after of [100, 399, 400]) {
    await see(after, { relays: [{ ...live, state: 'waiting' }, testRelay(fresh, { state: 'waiting' })] })
  }
  await rig!.stop()
  rig = await openTestAlerts(database, { limits: { relayDownSeconds: 300, relayUpSeconds: 60 } })
  for (const after of [500, 559, 560, 561]) await see(after, { relays: [live] })
  await vi.waitFor(() => expect(receiver.received).toHaveLength(3), PATIENCE)
  const told = receiver.received
    .map(({ body }) => `${body.topic} ${body.data.url} ${body.data.since}`)
    .toSorted()
  expect(told).toEqual([
    `relay.discovered ${fresh} 2027-01-15T08:01:00Z`,
    `relay.down ${old} 2027-01-15T08:01:40Z`,
    `relay.up ${old} 2027-01-15T08:08:20Z`,
  ])
  expect(receiver.received.find(({ topic }) => topic === 'relay.up')?.body.data).toEqual({
    url: old,
    state: 'live',
    since: '2027-01-15T08:08:20Z',
    name: null,
    software: null,
    health_score: 90,
    uptime: 99.5,
    latency: 40,
    events: 7,
  })
})

test('what many relays do at once is told in several looks, all of it', async () => {
  await open({ sends: false, limits: { deliveriesOfOneLook: 10, relayUpSeconds: 0 } })
  await hook('https://hook.example', ['relay.discovered'])
  await see(0, { relays: [testRelay('wss://first.example')] })
  const relays = Array.from({ length: 25 }, (_, n) => testRelay(`wss://relay-${n}.example`))
  const counts: number[] = []
  for (const after of [1, 2, 3, 4]) {
    await see(after, { relays })
    counts.push((await deliveries()).length)
  }
  expect(counts).toEqual([10, 20, 25, 25])
})

test('every five minutes webhooks get the overview, none while the last one has not arrived, and one after a restart', async () => {
  await open({ sends: false })
  await hook('https://hook.example', ['snapshot'])
  const zaps = { count: 2, msat: 2n ** 60n, checkedCount: 0, checkedMsat: 0n }
  await see(0, { events: 5, zaps })
  await see(299, { events: 6 })
  await rig!.stop()
  await open({ sends: false })
  await see(299, { events: 6 })
  await see(301, { events: 7 })
  expect((await deliveries()).map(({ body }) => JSON.parse(body).data)).toEqual([
    {
      time_range: '24h',
      total_events: 5,
      unique_authors: 0,
      new_authors: 0,
      total_relays: 3,
      active_relays: 0,
      connected_relays: 2,
      avg_latency_ms: null,
      latency_p50_ms: null,
      latency_p95_ms: null,
      zaps: { count: 2, msat: '1152921504606846976' },
      updated_at: '2027-01-15T08:00:00Z',
    },
  ])
  await database.db
    .updateTable('observatory_deliveries')
    .set({ state: 'delivered', finished_at: BigInt(NOW) })
    .execute()
  await see(600, { events: 8 })
  expect((await deliveries()).map(({ body }) => JSON.parse(body).data.total_events)).toEqual([5, 8])
})

test('a mail says what fired, since when and what was found, to the confirmed address of the account', async () => {
  const mails: AlertMail[] = []
  await open({
    sendMail: async (mail) => void mails.push(mail),
    emailOf: async (pubkey) => (pubkey === ALICE ? 'alice@example.com' : undefined),
  })
  await rule({ channels: [{ type: 'email' }] })
  await rule({ channels: [{ type: 'email' }] }, BOB)
  await see(0, { events: 11 })
  await vi.waitFor(async () => {
    expect((await deliveries()).map(({ state }) => state).toSorted()).toEqual(['delivered', 'dropped'])
  }, PATIENCE)
  expect(mails).toEqual([
    {
      to: 'alice@example.com',
      subject: 'Alert: many events',
      text: [
        'many events: events above 10.',
        '',
        'events is 11 (range 24h, at 2027-01-15T08:00:00Z).',
        'Since 2027-01-15T08:00:00Z.',
        '',
      ].join('\n'),
    },
  ])
})

test('a mail that the server does not take at first is sent later, and its job names no address', async () => {
  const mails: AlertMail[] = []
  let tries = 0
  await open({
    sendMail: async (mail) => {
      if (tries++ === 0) throw new Error('greylisted: alice@example.com')
      mails.push(mail)
    },
    emailOf: async () => 'alice@example.com',
  })
  await rule({ channels: [{ type: 'email' }] })
  await see(0, { events: 11 })
  await vi.waitFor(() => expect(mails).toHaveLength(1), PATIENCE)
  await vi.waitFor(async () => {
    expect(await deliveries()).toMatchObject([
      { state: 'delivered', attempts: 2, failure: 'it could not be sent' },
    ])
  }, PATIENCE)
})

test('people are told things themselves: only the operator names others', async () => {
  const { alerts } = await open({
    sends: false,
    sendMail: async () => {},
    emailOf: async () => 'x@example.com',
    sendDirectMessage: async () => {},
  })
  const { id } = await hook('https://hook.example', [], BOB)
  const attempt = async (owner: string, channels: NewAlertRule['channels']) => {
    const made = await alerts.rules.create(owner, { ...MANY, channels })
    return made.ok ? 'made' : made.refusal.text
  }
  expect(await attempt(ALICE, [{ type: 'email', to: 'bob@example.com' }])).toMatch(
    /confirmed address of your account/,
  )
  expect(await attempt(ALICE, [{ type: 'nostr', pubkey: BOB }])).toMatch(/go to yourself/)
  expect(await attempt(ALICE, [{ type: 'webhook', webhook: id }])).toMatch(/you have no webhook/)
  expect(await attempt(ALICE, [{ type: 'nostr' }, { type: 'email' }])).toBe('made')
  expect(await attempt('operator', [{ type: 'nostr' }])).toMatch(/needs `pubkey`/)
  expect(
    await attempt('operator', [
      { type: 'email', to: 'ops@example.com' },
      { type: 'nostr', pubkey: BOB },
    ]),
  ).toBe('made')
})

test('nobody sees or changes what belongs to somebody else', async () => {
  const { alerts } = await open({ sends: false })
  const { id: hookId } = await hook('https://hook.example')
  const { id } = await rule()
  const answers = [
    await alerts.rules.get(BOB, id),
    await alerts.rules.update(BOB, id, { name: 'mine' }),
    await alerts.rules.remove(BOB, id),
    await alerts.webhooks.get(BOB, hookId),
    await alerts.webhooks.update(BOB, hookId, { newSecret: true }),
    await alerts.webhooks.test(BOB, hookId),
    await alerts.webhooks.remove(BOB, hookId),
  ]
  expect(answers.map((answer) => (answer.ok ? 'done' : answer.refusal.code))).toEqual(
    Array(7).fill('NOT_FOUND'),
  )
  expect([await alerts.rules.list(BOB), await alerts.webhooks.list(BOB)]).toEqual([[], []])
})

test('one owner has so many rules and webhooks and no more, also when they are made at once', async () => {
  const { alerts } = await open({
    sends: false,
    limits: { rulesOfOne: 3, webhooksOfOne: 2, sampledFigures: 1 },
  })
  const made = await Promise.all([1, 2, 3, 4, 5].map(() => alerts.rules.create(ALICE, MANY)))
  expect(made.filter(({ ok }) => ok)).toHaveLength(3)
  expect(made.find(({ ok }) => !ok)).toMatchObject({
    refusal: { code: 'LIMIT_REACHED', text: /^3 alerts are the most/ },
  })
  const wanted = { url: 'https://hook.example', topics: [] }
  const hooks = await Promise.all([1, 2, 3].map(() => alerts.webhooks.create(ALICE, wanted)))
  expect(hooks.filter(({ ok }) => ok)).toHaveLength(2)
  const change = (figure: string) =>
    alerts.rules.create(BOB, {
      ...MANY,
      condition: { type: 'change', figure, direction: 'any', percent: 1, minutes: 60 },
    })
  expect([await change('events'), await change('events'), await change('users')].map(({ ok }) => ok)).toEqual(
    [true, true, false],
  )
})

test('a secret is shown once, lies sealed in the database, and a new one replaces it at once', async () => {
  const { alerts } = await open()
  const receiver = await receive()
  const { id, secret } = await hook(receiver.url)
  const row = await database.db.selectFrom('observatory_webhooks').selectAll().executeTakeFirstOrThrow()
  expect(
    JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain(secret)
  expect(JSON.stringify(must(await alerts.webhooks.get(ALICE, id)))).not.toContain(secret)
  const { secret: next = '' } = must(await alerts.webhooks.update(ALICE, id, { newSecret: true }))
  expect(next).not.toBe(secret)
  must(await alerts.webhooks.test(ALICE, id))
  await vi.waitFor(() => expect(receiver.received).toHaveLength(1), PATIENCE)
  const isGenuine = await isGenuineOfReadme()
  const { signature = '', text = '' } = receiver.received[0] ?? {}
  expect([isGenuine(signature, text, secret, NOW), isGenuine(signature, text, next, NOW)]).toEqual([
    false,
    true,
  ])
})

test('a webhook at an address of our own network is refused', async () => {
  const { alerts } = await open({ sends: false, fetching: { allowsPrivateAddresses: false } })
  const made = await alerts.webhooks.create(ALICE, { url: 'http://169.254.169.254/latest', topics: [] })
  expect(made).toMatchObject({ ok: false, refusal: { code: 'INVALID', text: /no address of the internet/ } })
})

test('what is old is forgotten', async () => {
  const { clock } = await open({
    sends: false,
    limits: { keepDeliveriesSeconds: 10, keepHistorySeconds: 10 },
  })
  await rule({ channels: [{ type: 'webhook', webhook: (await hook('https://hook.example')).id }] })
  await see(0, { events: 11 })
  await database.db
    .updateTable('observatory_deliveries')
    .set({ state: 'delivered', finished_at: BigInt(NOW) })
    .execute()
  clock.advanceSeconds(300)
  await see(300, { events: 11 })
  expect([await deliveries(), await whats()]).toEqual([[], []])
})
