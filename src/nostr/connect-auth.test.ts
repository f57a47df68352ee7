import { expect, test } from 'vitest'
import { createConnectAuth, readConnectAuth } from './connect-auth.ts'
import type { NostrEvent } from './event.ts'
import { checkAuthEvent } from './nip42.ts'
import { ALICE, testEvent } from './testing.ts'

const NOW = 1_700_000_000
const RELAY_URL = 'wss://relay.example'
const expected = { relayUrls: ['wss://relay.example/'], nowSeconds: NOW }

function authEvent(members: Partial<NostrEvent> = {}): NostrEvent {
  return testEvent({ ...createConnectAuth(RELAY_URL, NOW), ...members })
}

function queryOf(event: NostrEvent): string {
  return `?authorization=${encodeURIComponent(JSON.stringify(event))}`
}

test('a right event names its author, and until when its id must be remembered', () => {
  expect(readConnectAuth(queryOf(authEvent()), expected)).toEqual({
    ok: true,
    value: { event: authEvent(), staleFromSeconds: NOW + 61 },
  })
  expect(authEvent().pubkey).toBe(ALICE)
})

test.each(['', '?', '?x=1', 'authorisation=x'])('the query %j asks for no authentication', (query) => {
  expect(readConnectAuth(query, expected)).toEqual({ ok: true, value: undefined })
})

test('it may stand among other parameters, and text of all kinds comes through', () => {
  const event = authEvent({ content: 'a+b & c=d % „é“ 😀' })
  const asForm = new URLSearchParams({ x: '1', authorization: JSON.stringify(event, null, 1) })
  for (const query of [`a=b&${queryOf(event).slice(1)}&c`, asForm.toString()]) {
    expect(readConnectAuth(query, expected)).toMatchObject({ ok: true, value: { event } })
  }
})

test.each([
  ['another kind', { kind: 27235 }, /kind must be 22242/],
  ['a stale one', { created_at: NOW - 61 }, /within 60 seconds/],
  ['one from the future', { created_at: NOW + 61 }, /within 60 seconds/],
  ['another relay', { tags: [['relay', 'wss://other.example']] }, /relay tag/],
  ['no relay', { tags: [] }, /relay tag/],
  ['an id that is not the hash', { id: 'a'.repeat(64) }, /id is not the hash/],
  [
    'the answer to a challenge',
    {
      tags: [
        ['relay', RELAY_URL],
        ['challenge', 'c'],
      ],
    },
    /challenge/,
  ],
])('%s is refused', (_, members, text) => {
  expect(readConnectAuth(queryOf(authEvent(members)), expected)).toEqual({
    ok: false,
    refusal: expect.stringMatching(text),
  })
})

test.each([-60, 60])('made %d seconds from now, it is accepted', (offset) => {
  expect(readConnectAuth(queryOf(authEvent({ created_at: NOW + offset })), expected)).toMatchObject({
    ok: true,
  })
})

test.each(['authorization', 'authorization=', 'authorization=%', 'authorization={', 'authorization=null'])(
  'the query %j is refused, not passed over',
  (query) => {
    expect(readConnectAuth(query, expected)).toMatchObject({ ok: false })
  },
)

test('two events are refused, and so is one that is too long', () => {
  const twice = `${queryOf(authEvent())}&${queryOf(authEvent()).slice(1)}`
  expect(readConnectAuth(twice, expected)).toMatchObject({
    ok: false,
    refusal: expect.stringMatching(/once/),
  })
  const long = queryOf(authEvent({ content: 'x'.repeat(8192) }))
  expect(readConnectAuth(long, expected)).toMatchObject({ ok: false, refusal: expect.stringMatching(/8192/) })
})

test('such an event is no answer to a challenge on an open connection', () => {
  expect(checkAuthEvent(authEvent(), { ...expected, challenge: 'c' })).toMatchObject({ ok: false })
})
