import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  BASE_URL,
  startTestConsole,
  type TestAnswer,
  type TestConsole,
  type TestKey,
} from './testing/index.ts'

let rig: TestConsole

beforeEach(async () => {
  rig = await startTestConsole()
})

afterEach(() => rig.server.close())

const EMAIL = 'bob@example.org'
const PASSWORD = 'correct horse'

const post = (path: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
  rig.send({ method: 'POST', path: `/api/auth/${path}`, body, headers })

function cookieOf({ headers }: TestAnswer): string {
  return String(headers['set-cookie'] ?? '')
}

function tokenOf({ json }: TestAnswer): string {
  return (json as { readonly accessToken: string }).accessToken
}

describe('by a password', () => {
  beforeEach(async () => {
    await post('sign-up', { email: EMAIL, password: PASSWORD })
    await post('confirm', { token: `token-${EMAIL}` })
  })

  test('whoever signs in gets a token to show and a cookie that no script reads', async () => {
    const answer = await post('sign-in', { email: EMAIL, password: PASSWORD })
    expect(answer.status).toBe(200)
    expect(answer.text).not.toContain('refresh')
    expect(cookieOf(answer)).toMatch(
      /^stoa_refresh=refresh-1; .*Path=\/api\/auth; .*HttpOnly; Secure; SameSite=Strict$/,
    )
    const me = await rig.send({
      path: '/api/auth/me',
      headers: { authorization: `Bearer ${tokenOf(answer)}` },
    })
    expect(me.json).toMatchObject({ via: 'session', accountId: EMAIL, roles: [] })
  })

  test('a wrong password is refused', async () => {
    expect(await post('sign-in', { email: EMAIL, password: 'wrong' })).toMatchObject({
      status: 401,
      json: { error: { code: 'SIGN_IN_REFUSED' } },
    })
  })

  test('the cookie gets the next tokens once', async () => {
    const first = cookieOf(await post('sign-in', { email: EMAIL, password: PASSWORD })).split(';')[0] ?? ''
    const second = await post('refresh', {}, { cookie: first })
    expect(second.status).toBe(200)
    expect(cookieOf(second)).toContain('stoa_refresh=refresh-2')
    const again = await post('refresh', {}, { cookie: first })
    expect(again.status).toBe(401)
    expect(cookieOf(again)).toContain('stoa_refresh=;')
    expect((await post('refresh', {})).status).toBe(401)
  })

  test('signing out ends the session and takes the cookie back', async () => {
    const cookie = cookieOf(await post('sign-in', { email: EMAIL, password: PASSWORD })).split(';')[0] ?? ''
    const answer = await post('sign-out', {}, { cookie })
    expect(cookieOf(answer)).toContain('stoa_refresh=;')
    expect((await post('refresh', {}, { cookie })).status).toBe(401)
  })

  test('a new password is set by the code of a mail', async () => {
    expect((await post('reset', { email: EMAIL })).json).toEqual({ done: true })
    expect((await post('reset/confirm', { token: 'guessed', password: 'x' })).status).toBe(401)
    expect((await post('reset/confirm', { token: `reset-${EMAIL}`, password: 'another' })).status).toBe(200)
    expect((await post('sign-in', { email: EMAIL, password: 'another' })).status).toBe(200)
  })

  test('accounts are told from where somebody tries', async () => {
    await post('reset', { email: EMAIL }, { 'x-test-address': '192.0.2.9' })
    expect(rig.accounts.seenFrom.at(-1)).toBe('192.0.2.9')
  })
})

describe('a Nostr key', () => {
  let accessToken: string
  beforeEach(async () => {
    await post('sign-up', { email: EMAIL, password: PASSWORD })
    await post('confirm', { token: `token-${EMAIL}` })
    accessToken = tokenOf(await post('sign-in', { email: EMAIL, password: PASSWORD }))
  })
  const link = (body: object, by?: TestKey) =>
    rig.send({ method: 'POST', path: '/api/auth/pubkeys/link', body, ...(by !== undefined && { by }) })
  const asAccount = () => ({ authorization: `Bearer ${accessToken}` })

  test('is linked to the account of a session by its signature, listed, and unlinked', async () => {
    const { publicKey: pubkey } = rig.stranger
    expect((await link({ accessToken }, rig.stranger)).json).toEqual({ pubkey })
    expect(rig.accounts.linked).toMatchObject([
      { accountId: EMAIL, pubkey, by: { actor: `account:${EMAIL}` } },
    ])
    const listed = () => rig.send({ path: '/api/auth/pubkeys', headers: asAccount() })
    expect((await listed()).json).toMatchObject([{ pubkey }])
    expect((await post('pubkeys/unlink', { pubkey }, asAccount())).status).toBe(200)
    expect((await listed()).json).toEqual([])
    expect((await post('pubkeys/unlink', { pubkey }, asAccount())).status).toBe(404)
  })

  test.each([
    ['without a signature of the key', () => link({ accessToken }), 401],
    ['without a session', () => link({ accessToken: 'made up' }, rig.stranger), 401],
    [
      'by a signature that was made for another session',
      async () => {
        const body = { accessToken: 'another' }
        const url = `${BASE_URL}/api/auth/pubkeys/link`
        const signed = { method: 'POST', url, body: JSON.stringify(body) }
        const authorization = await rig.stranger.authorize(signed)
        return post('pubkeys/link', { accessToken }, { authorization })
      },
      401,
    ],
    [
      'to a session that no account has opened',
      async () => {
        const path = '/api/auth/nostr'
        const session = await rig.send({ method: 'POST', path, body: {}, by: rig.moderator })
        return link({ accessToken: tokenOf(session) }, rig.stranger)
      },
      403,
    ],
  ] as const)('is not linked %s', async (_how, ask, status) => {
    expect((await ask()).status).toBe(status)
    expect(rig.accounts.linked).toEqual([])
  })

  test('is not unlinked by an API key of the account', async () => {
    await link({ accessToken }, rig.stranger)
    rig.accounts.apiKeys.set('stoa_test', {
      via: 'api-key',
      accountId: EMAIL,
      pubkeys: [],
      roles: [],
      scopes: [],
    })
    const body = { pubkey: rig.stranger.publicKey }
    expect((await post('pubkeys/unlink', body, { authorization: 'Bearer stoa_test' })).status).toBe(403)
    expect(rig.accounts.linked).toHaveLength(1)
  })

  test('and the ways to link it are in the documentation', async () => {
    const { json } = await rig.send({ path: '/api/v1/docs/openapi.json' })
    expect(json).toMatchObject({
      paths: {
        '/api/auth/pubkeys': { get: {} },
        '/api/auth/pubkeys/link': { post: { security: [{ nostr: [] }] } },
        '/api/auth/pubkeys/unlink': { post: { security: [{ bearer: [] }] } },
      },
    })
  })
})

test('whoever signs out everywhere is signed out everywhere', async () => {
  const signIn = () => rig.send({ method: 'POST', path: '/api/auth/nostr', body: {}, by: rig.operatorKey })
  const [here, there] = [tokenOf(await signIn()), tokenOf(await signIn())]
  const me = (token: string) =>
    rig.send({ path: '/api/auth/me', headers: { authorization: `Bearer ${token}` } })
  expect((await me(there)).status).toBe(200)
  expect((await post('sign-out/everywhere', {}, { authorization: `Bearer ${here}` })).status).toBe(200)
  for (const token of [here, there]) expect((await me(token)).status).toBe(401)
})

test('what a sign-up makes is not in its answer', async () => {
  expect((await post('sign-up', { email: EMAIL, password: PASSWORD })).json).toEqual({ done: true })
  expect((await post('confirm', { token: `token-${EMAIL}` })).json).toEqual({ done: true })
})

test('a Nostr key signs in by a signed request, and has its roles', async () => {
  const answer = await rig.send({ method: 'POST', path: '/api/auth/nostr', body: {}, by: rig.operatorKey })
  expect(answer.status).toBe(200)
  const headers = { authorization: `Bearer ${tokenOf(answer)}` }
  expect((await rig.send({ path: '/dashboard/audit', headers })).status).toBe(200)
  expect((await rig.send({ method: 'POST', path: '/api/auth/nostr', body: {} })).status).toBe(401)
})

describe('API keys', () => {
  test('are made by their owner, work, are listed without their text, and end', async () => {
    const made = await rig.send({
      method: 'POST',
      path: '/api/auth/keys/create',
      body: { name: 'bot', scopes: ['console:read'] },
      by: rig.operatorKey,
    })
    const { id, key } = made.json as { readonly id: string; readonly key: string }
    const headers = { authorization: `Bearer ${key}` }
    expect((await rig.send({ path: '/dashboard/status', headers })).status).toBe(200)
    const listed = await rig.send({ path: '/api/auth/keys', by: rig.operatorKey })
    expect(listed.json).toMatchObject([{ id, name: 'bot' }])
    expect(listed.text).not.toContain(key)
    const revoked = await rig.send({
      method: 'POST',
      path: '/api/auth/keys/revoke',
      body: { id },
      by: rig.operatorKey,
    })
    expect(revoked.status).toBe(200)
    expect((await rig.send({ path: '/dashboard/status', headers })).status).toBe(401)
  })

  test('make no others', async () => {
    rig.accounts.apiKeys.set('stoa_test', {
      via: 'api-key',
      pubkeys: [],
      roles: ['owner'],
      scopes: ['console:operate'],
    })
    const headers = { authorization: 'Bearer stoa_test' }
    const body = { name: 'another', scopes: ['console:operate'] }
    expect(await post('keys/create', body, headers)).toMatchObject({
      status: 403,
      json: { error: { code: 'NOT_ALLOWED' } },
    })
  })
})

test('a form of another site is not read, whatever cookie the browser adds', async () => {
  const answer = await rig.server.app.inject({
    method: 'POST',
    url: '/api/auth/sign-out',
    headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: 'stoa_refresh=x' },
    payload: 'a=b',
  })
  expect(answer.statusCode).toBe(415)
})
