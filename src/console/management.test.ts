import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isChangingMethod, MANAGEMENT_METHODS, type ManagementMethod } from '../nostr/index.ts'
import {
  BASE_URL,
  heldEvent,
  reportedEvent,
  startTestConsole,
  type TestConsole,
  type TestKey,
} from './testing/index.ts'

let rig: TestConsole

beforeEach(async () => {
  rig = await startTestConsole()
})

afterEach(() => rig.server.close())

const PUBKEY = 'ab'.repeat(32)
const EVENT = 'cd'.repeat(32)
const BODY = '{"method":"supportedmethods","params":[]}'
const TYPE = { 'content-type': 'application/nostr+json+rpc' }

/** A call that is right in everything but for what a test changes. */
async function post({
  authorization,
  body = BODY,
  host = 'relay.example',
}: {
  readonly authorization?: string
  readonly body?: string
  readonly host?: string
}) {
  const answer = await rig.server.app.inject({
    method: 'POST',
    url: '/',
    headers: { ...TYPE, host, ...(authorization !== undefined && { authorization }) },
    payload: body,
  })
  return { status: answer.statusCode, body: answer.json(), headers: answer.headers }
}

const signed = (change: Parameters<TestKey['authorize']>[1], url = `${BASE_URL}/`, body = BODY) =>
  rig.owner.authorize({ method: 'POST', url, body }, change)

test('a call without Authorization is answered 401 and names both ways in (R-01)', async () => {
  const { status, body, headers } = await post({})
  expect(status).toBe(401)
  expect(body).toEqual({ error: 'an Authorization header is needed (NIP-98)' })
  expect(headers['www-authenticate']).toContain('Nostr')
})

describe('an authorization that is wrong in one thing is answered 401 (R-02):', () => {
  const withTag =
    (name: string, value: string) =>
    (template: Parameters<NonNullable<Parameters<TestKey['authorize']>[1]>>[0]) => ({
      ...template,
      tags: template.tags.map((tag) => (tag[0] === name ? [name, value] : tag)),
    })
  const without =
    (name: string) => (template: Parameters<NonNullable<Parameters<TestKey['authorize']>[1]>>[0]) => ({
      ...template,
      tags: template.tags.filter((tag) => tag[0] !== name),
    })

  test.each([
    ['another kind', (template) => ({ ...template, kind: 27234 })],
    ['two minutes old', (template) => ({ ...template, created_at: template.created_at - 120 })],
    ['two minutes early', (template) => ({ ...template, created_at: template.created_at + 120 })],
    ['for another host', withTag('u', 'https://other.example/')],
    ['for another path', withTag('u', `${BASE_URL}/dashboard/access`)],
    ['for GET', withTag('method', 'GET')],
    ['without the hash of the body', without('payload')],
    ['with the hash of another body', withTag('payload', '00'.repeat(32))],
  ] satisfies [string, Parameters<TestKey['authorize']>[1]][])('%s', async (_what, change) => {
    expect((await post({ authorization: await signed(change) })).status).toBe(401)
  })

  test('with a signature of something else', async () => {
    const header = await signed(undefined)
    const event = JSON.parse(Buffer.from(header.slice(6), 'base64').toString())
    const flipped = { ...event, sig: `${event.sig[0] === '0' ? '1' : '0'}${event.sig.slice(1)}` }
    const authorization = `Nostr ${Buffer.from(JSON.stringify(flipped)).toString('base64')}`
    expect((await post({ authorization })).status).toBe(401)
  })

  test.each(['Nostr !!!', 'Nostr bm8gZXZlbnQ=', 'Basic YTpi', 'Bearer nonsense'])(
    '%s',
    async (authorization) => {
      expect((await post({ authorization })).status).toBe(401)
    },
  )
})

test('a good signature of somebody without a role is answered 403 (R-02)', async () => {
  expect(await rig.rpc('supportedmethods', [], rig.stranger)).toMatchObject({
    status: 403,
    json: { error: expect.stringContaining('takes') },
  })
})

test('a name in the Host header that is not ours lets nobody in, though the event names it too', async () => {
  const authorization = await signed(undefined, 'https://evil.example/')
  expect((await post({ authorization, host: 'evil.example' })).status).toBe(401)
})

test('a call that is right in everything is answered by its result (R-03)', async () => {
  expect(await rig.rpc('banpubkey', [PUBKEY, 'spam'])).toMatchObject({ status: 200, json: { result: true } })
})

test.each(['wss://relay.example', 'wss://relay.example/', 'https://relay.example', 'https://relay.example/'])(
  'the URL may be spelled %s (R-04)',
  async (url) => {
    const { status, body } = await post({ authorization: await signed(undefined, url) })
    expect({ status, isThere: 'result' in body }).toEqual({ status: 200, isThere: true })
  },
)

test('a change is carried out once, however often its request comes (R-05)', async () => {
  const body = JSON.stringify({ method: 'banpubkey', params: [PUBKEY] })
  const authorization = await signed(undefined, undefined, body)
  expect((await post({ authorization, body })).status).toBe(200)
  expect((await post({ authorization, body })).status).toBe(401)
  expect(rig.done).toHaveLength(1)
})

test('a list may be asked for again by the same request, which a client in a hurry sends (R-05)', async () => {
  const authorization = await signed(undefined)
  expect((await post({ authorization })).status).toBe(200)
  expect((await post({ authorization })).status).toBe(200)
})

test('supportedmethods names what can be done now, and no more (R-06)', async () => {
  expect((await rig.rpc('supportedmethods')).json).toEqual({ result: MANAGEMENT_METHODS })
  rig.closed.add('membership')
  const { result } = (await rig.rpc('supportedmethods')).json as { readonly result: readonly string[] }
  expect(result).toContain('banpubkey')
  expect(result).not.toContain('createrole')
  expect((await rig.rpc('createrole', ['vip', 'VIP'])).json).toEqual({
    error: expect.stringContaining('not ready'),
  })
})

test('keys are banned and allowed, and the lists say so with the reasons (R-07)', async () => {
  await rig.rpc('banpubkey', [PUBKEY, 'spam'])
  expect((await rig.rpc('listbannedpubkeys')).json).toEqual({ result: [{ pubkey: PUBKEY, reason: 'spam' }] })
  expect(rig.access.banReasonOf(PUBKEY)).toBe('spam')
  await rig.rpc('allowpubkey', [PUBKEY, 'sorry'])
  expect((await rig.rpc('listbannedpubkeys')).json).toEqual({ result: [] })
  expect((await rig.rpc('listallowedpubkeys')).json).toEqual({
    result: [{ pubkey: PUBKEY, reason: 'sorry' }],
  })
  await rig.rpc('unallowpubkey', [PUBKEY])
  await rig.rpc('banpubkey', [PUBKEY])
  await rig.rpc('unbanpubkey', [PUBKEY])
  expect(rig.access.toJSON()).toMatchObject({ bannedPubkeys: {}, allowedPubkeys: {} })
})

test('events are banned and let in, and what is held or reported waits for a moderator (R-08)', async () => {
  rig.held.push(heldEvent(EVENT))
  rig.reports.push(reportedEvent(PUBKEY))
  expect((await rig.rpc('listeventsneedingmoderation')).json).toEqual({
    result: [
      { id: EVENT, reason: 'first post' },
      { id: PUBKEY, reason: 'reported by 2: spam' },
    ],
  })
  await rig.rpc('banevent', [EVENT, 'bad'])
  expect((await rig.rpc('listbannedevents')).json).toEqual({ result: [{ id: EVENT, reason: 'bad' }] })
  await rig.rpc('allowevent', [EVENT])
  expect((await rig.rpc('listbannedevents')).json).toEqual({ result: [] })
})

test('kinds and what the relay says of itself are changed (R-09)', async () => {
  await rig.rpc('allowkind', [30023])
  await rig.rpc('disallowkind', [4])
  expect((await rig.rpc('listallowedkinds')).json).toEqual({ result: [30023] })
  await rig.rpc('changerelayname', ['Agora'])
  await rig.rpc('changerelaydescription', ['A market'])
  await rig.rpc('changerelayicon', ['https://relay.example/icon.png'])
  expect(rig.access.toJSON()).toMatchObject({
    deniedKinds: [4],
    information: { name: 'Agora', description: 'A market', icon: 'https://relay.example/icon.png' },
  })
})

test('addresses are blocked and unblocked (R-10)', async () => {
  await rig.rpc('blockip', ['192.0.2.7', 'flood'])
  expect((await rig.rpc('listblockedips')).json).toEqual({ result: [{ ip: '192.0.2.7', reason: 'flood' }] })
  expect(rig.access.isBlockedIp('192.0.2.7')).toBe(true)
  await rig.rpc('unblockip', ['192.0.2.7'])
  expect(rig.access.isBlockedIp('192.0.2.7')).toBe(false)
})

test('a role is made once, changed, given, taken and removed (R-11)', async () => {
  expect((await rig.rpc('editrole', ['vip', 'VIP'])).json).toMatchObject({
    error: expect.stringContaining('createrole'),
  })
  expect((await rig.rpc('createrole', ['vip', 'VIP', 'Guests', 120, 1])).json).toEqual({ result: true })
  expect((await rig.rpc('createrole', ['vip', 'VIP'])).json).toMatchObject({
    error: expect.stringContaining('editrole'),
  })
  await rig.rpc('editrole', ['vip', 'Very important'])
  expect(await rig.operator.membership()?.listRoles()).toEqual([{ id: 'vip', label: 'Very important' }])
  await rig.rpc('assignrole', [PUBKEY, 'vip'])
  await rig.rpc('unassignrole', [PUBKEY, 'vip'])
  expect((await rig.rpc('deleterole', ['vip'])).json).toEqual({ result: true })
  expect(rig.done.map(({ what }) => what.split(' ')[0])).toEqual([
    'put-role',
    'put-role',
    // Roles are those of members.
    'add-members',
    'assign-role',
    'unassign-role',
    'remove-role',
  ])
})

test.each([
  ['an unknown method', 'dropdatabase', []],
  ['too few parameters', 'banpubkey', []],
  ['too many parameters', 'banpubkey', [PUBKEY, 'x', 'y']],
  ['a parameter of another type', 'allowkind', ['one']],
  ['an npub for a key', 'banpubkey', ['npub1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq']],
])('%s is answered by an error, and nothing is changed (R-12)', async (_what, method, params) => {
  expect(await rig.rpc(method, params)).toMatchObject({ status: 200, json: { error: expect.any(String) } })
  expect(rig.done).toEqual([])
})

test('a body that is no JSON is answered by an error (R-12)', async () => {
  const body = '{"method":'
  const authorization = await rig.owner.authorize({ method: 'POST', url: `${BASE_URL}/`, body })
  expect(await post({ authorization, body })).toMatchObject({
    status: 200,
    body: { error: 'the body is not JSON' },
  })
})

test('what is done is done in the name of the key that signed, with its role (R-13)', async () => {
  await rig.rpc('banpubkey', [PUBKEY], rig.moderator)
  await rig.rpc('blockip', ['192.0.2.7'], rig.operatorKey)
  expect(rig.done.map(({ by }) => by)).toEqual([
    { actor: rig.moderator.publicKey, role: 'moderator' },
    { actor: rig.operatorKey.publicKey, role: 'operator' },
  ])
})

test('a browser on another site may call (R-14)', async () => {
  const origin = { origin: 'https://admin.example' }
  const preflight = await rig.send({
    method: 'OPTIONS',
    path: '/',
    headers: {
      ...origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, content-type',
    },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-allow-headers': expect.stringMatching(/authorization.*content-type/i),
    'access-control-allow-methods': expect.stringContaining('POST'),
  })
  const call = await rig.send({ method: 'POST', path: '/', body: {}, headers: { ...origin, ...TYPE } })
  expect(call.headers).toMatchObject({ 'access-control-allow-origin': '*' })
})

test('another Content-Type at / is no management call', async () => {
  expect((await rig.send({ method: 'POST', path: '/', body: {}, by: rig.owner })).status).toBe(415)
})

test('a moderator judges neither owners nor operators', async () => {
  expect((await rig.rpc('banpubkey', [rig.owner.publicKey], rig.moderator)).status).toBe(403)
  expect((await rig.rpc('banpubkey', [rig.operatorKey.publicKey], rig.moderator)).status).toBe(403)
  expect(rig.access.banReasonOf(rig.owner.publicKey)).toBeUndefined()
  expect((await rig.rpc('banpubkey', [rig.operatorKey.publicKey], rig.owner)).status).toBe(200)
})

describe('every method can be reached, and by nobody who may not:', () => {
  let table: TestConsole

  beforeAll(async () => {
    table = await startTestConsole()
  })

  afterAll(() => table.server.close())

  const FOR_MODERATORS: readonly ManagementMethod[] = [
    'supportedmethods',
    'banpubkey',
    'unbanpubkey',
    'listbannedpubkeys',
    'listeventsneedingmoderation',
    'allowevent',
    'banevent',
    'listbannedevents',
  ]
  const PARAMS: Partial<Record<ManagementMethod, readonly unknown[]>> = {
    createrole: ['vip', 'VIP'],
    editrole: ['vip', 'VIP'],
    deleterole: ['vip'],
    assignrole: [PUBKEY, 'vip'],
    unassignrole: [PUBKEY, 'vip'],
    changerelayname: ['x'],
    changerelaydescription: ['x'],
    changerelayicon: [''],
    allowkind: [1],
    disallowkind: [1],
    blockip: ['192.0.2.1'],
    unblockip: ['192.0.2.1'],
  }

  test.each(MANAGEMENT_METHODS)('%s', async (method) => {
    const params = PARAMS[method] ?? (isChangingMethod(method) ? [PUBKEY] : [])
    if (method === 'deleterole' || method === 'editrole') {
      await table.operator.membership()?.putRole({ id: 'vip' }, { actor: 'cli', role: 'cli' })
    }
    const byOwner = await table.rpc(method, params, table.owner)
    expect(byOwner).toMatchObject({ status: 200, json: { result: expect.anything() } })
    const isForModerators = FOR_MODERATORS.includes(method)
    expect((await table.rpc(method, params, table.moderator)).status).toBe(isForModerators ? 200 : 403)
    const before = table.done.length
    expect((await table.rpc(method, params, table.stranger)).status).toBe(403)
    expect(table.done).toHaveLength(before)
  })
})
