import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NostrEvent } from './event.ts'
import { createHttpAuth, encodeHttpAuth, type HttpAuthExpectations, readHttpAuth } from './nip98.ts'
import { ALICE, testEvent } from './testing.ts'

const NOW = 1_700_000_000
const URL_OF_REQUEST = 'https://relay.example/api/v1/tasks?page=2'
const BODY = Buffer.from('{"method":"supportedmethods","params":[]}')
const U = ['u', URL_OF_REQUEST]
const METHOD = ['method', 'POST']
const PAYLOAD = ['payload', hash('sha256', BODY)]

const expected: HttpAuthExpectations = { method: 'POST', urls: [URL_OF_REQUEST], body: BODY, nowSeconds: NOW }

function headerOf(members: Partial<NostrEvent> = {}): string {
  return encodeHttpAuth(testEvent({ kind: 27235, created_at: NOW, tags: [U, METHOD, PAYLOAD], ...members }))
}

function refusalOf(members: Partial<NostrEvent>, changed: Partial<HttpAuthExpectations> = {}): string {
  const read = readHttpAuth(headerOf(members), { ...expected, ...changed })
  return read.ok ? 'accepted' : read.refusal
}

test('a right header names its author, and until when its id must be remembered', () => {
  expect(readHttpAuth(headerOf(), expected)).toMatchObject({
    ok: true,
    value: { event: { pubkey: ALICE, kind: 27235 }, staleFromSeconds: NOW + 61 },
  })
})

test('what createHttpAuth says is let in by readHttpAuth, with and without a body', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'post', 'PUT', 'Delete'),
      fc.webUrl({ withQueryParameters: true }),
      fc.option(fc.uint8Array({ maxLength: 50 }), { nil: undefined }),
      (method, url, body) => {
        const event = testEvent(createHttpAuth({ method, url, body, nowSeconds: NOW }))
        const read = readHttpAuth(encodeHttpAuth(event), { method, urls: [url], body, nowSeconds: NOW })
        expect(read).toMatchObject({ ok: true, value: { event } })
      },
    ),
  )
})

test.each([
  ['another kind', { kind: 22242 }, /kind must be 27235, not 22242/],
  ['a minute and more ago', { created_at: NOW - 61 }, /within 60 seconds/],
  ['too far ahead', { created_at: NOW + 61 }, /within 60 seconds/],
  ['two minutes ago', { created_at: NOW - 120 }, /within 60 seconds/],
  ['another method', { tags: [U, ['method', 'GET'], PAYLOAD] }, /method tag/],
  ['no method', { tags: [U, PAYLOAD] }, /method tag/],
  ['no URL', { tags: [METHOD, PAYLOAD] }, /u tag/],
  ['no URL in the tag', { tags: [['u'], METHOD, PAYLOAD] }, /u tag/],
  ['no payload', { tags: [U, METHOD] }, /payload tag/],
  ['the hash of another body', { tags: [U, METHOD, ['payload', hash('sha256', 'x')]] }, /payload tag/],
  ['an id that is not the hash', { id: 'a'.repeat(64) }, /id is not the hash/],
])('%s is refused', (_, members, text) => {
  expect(refusalOf(members)).toMatch(text)
})

test.each([-60, 60])('made %d seconds from now, it is accepted', (offset) => {
  expect(refusalOf({ created_at: NOW + offset })).toBe('accepted')
})

test.each([
  'https://other.example/api/v1/tasks?page=2',
  'https://relay.example:8443/api/v1/tasks?page=2',
  'http://relay.example/api/v1/tasks?page=2',
  'wss://relay.example/api/v1/tasks?page=2',
  'https://relay.example/api/v1/tasks',
  'https://relay.example/api/v1/tasks?page=3',
  'https://relay.example/api/v1/Tasks?page=2',
  'https://user:secret@relay.example/api/v1/tasks?page=2',
  '/api/v1/tasks?page=2',
  'relay.example/api/v1/tasks?page=2',
  'javascript:alert(1)',
  '',
])('%j is not the URL of the request', (url) => {
  expect(refusalOf({ tags: [['u', url], METHOD, PAYLOAD] })).toMatch(/u tag/)
})

test.each([
  'https://relay.example/api/v1/tasks/?page=2',
  'HTTPS://Relay.EXAMPLE:443/api/v1/tasks?page=2',
  'https://relay.example/api/v1/tasks?page=2#top',
])('%s is the URL of the request', (url) => {
  expect(refusalOf({ tags: [['u', url], METHOD, PAYLOAD] })).toBe('accepted')
})

const ofRelay = { urls: ['wss://relay.example/'], allowsRelaySpelling: true }

test.each(['wss://relay.example', 'wss://relay.example/', 'https://relay.example', 'https://relay.example/'])(
  'a relay at wss://relay.example/ takes %s',
  (url) => {
    expect(refusalOf({ tags: [['u', url], METHOD, PAYLOAD] }, ofRelay)).toBe('accepted')
  },
)

test.each(['ws://relay.example', 'http://relay.example', 'wss://relay.example/x', 'wss://other.example'])(
  'a relay at wss://relay.example/ does not take %s',
  (url) => {
    expect(refusalOf({ tags: [['u', url], METHOD, PAYLOAD] }, ofRelay)).toMatch(/u tag/)
  },
)

test('of several URLs that the request may be known by, each will do', () => {
  const urls = ['https://relay.example/x', 'http://127.0.0.1:7777/x']
  for (const url of urls)
    expect(refusalOf({ tags: [['u', url], METHOD, PAYLOAD] }, { urls })).toBe('accepted')
})

test('an URL of ours that is none lets nobody in', () => {
  expect(refusalOf({ tags: [['u', 'nonsense'], METHOD, PAYLOAD] }, { urls: ['nonsense'] })).toMatch(/u tag/)
})

test('without a body no payload tag is needed, but one that is there must fit', () => {
  for (const body of [undefined, new Uint8Array(0)]) {
    expect(refusalOf({ tags: [U, METHOD] }, { body })).toBe('accepted')
    expect(refusalOf({ tags: [U, METHOD, ['payload', hash('sha256', '')]] }, { body })).toBe('accepted')
    expect(refusalOf({}, { body })).toMatch(/payload tag/)
  }
})

test.each([
  undefined,
  '',
  'Nostr',
  'Nostr ',
  'Nostr !!!!',
  'Bearer abc',
  `Nostr ${Buffer.from('{').toString('base64')}`,
  `Nostr ${Buffer.from('null').toString('base64')}`,
  `Nostr ${Buffer.from('[]').toString('base64')}`,
  `Nostr ${Buffer.from([0xff, 0xfe]).toString('base64')}`,
  `Nostr ${'A'.repeat(20_000)}`,
])('the header %j is refused', (header) => {
  expect(readHttpAuth(header, expected)).toMatchObject({ ok: false, refusal: expect.any(String) })
})

test('the scheme may have any case, and base64 come in either alphabet, padded or not', () => {
  const padded = headerOf({ content: '¿¾ÿ>?' }).slice('Nostr '.length)
  const bare = padded.replace(/=+$/, '')
  const forUrls = bare.replaceAll('+', '-').replaceAll('/', '_')
  for (const header of [`nostr ${padded}`, `NOSTR  ${bare}`, `Nostr ${forUrls}`]) {
    expect(readHttpAuth(header, expected)).toMatchObject({ ok: true })
  }
})

test('no refusal repeats what the header held', () => {
  const secret = 'do-not-repeat-me'
  const members = [{ tags: [['u', secret]] }, { tags: [U, ['method', secret]] }, { content: secret, kind: 1 }]
  for (const member of members) expect(refusalOf(member)).not.toContain(secret)
})
