import { expect, test } from 'vitest'
import { checkAuthEvent, normalizeRelayUrl } from './nip42.ts'
import { ALICE, testEvent } from './testing.ts'

const NOW = 1_700_000_000
const expected = { challenge: 'c1', relayUrls: ['wss://relay.example/'], nowSeconds: NOW }
const RELAY = ['relay', 'wss://relay.example']
const CHALLENGE = ['challenge', 'c1']

function check(members: { kind?: number; created_at?: number; tags?: string[][] }) {
  const event = testEvent({ kind: 22242, created_at: NOW, tags: [RELAY, CHALLENGE], ...members })
  return checkAuthEvent(event, expected)
}

test('a right AUTH event names its author', () => {
  expect(check({})).toEqual({ ok: true, value: ALICE })
})

test.each([-600, -540, 540, 600])('made %d seconds from now, it is accepted', (offset) => {
  expect(check({ created_at: NOW + offset })).toMatchObject({ ok: true })
})

test.each([-3600, -601, 601, 3600])('made %d seconds from now, it is refused', (offset) => {
  expect(check({ created_at: NOW + offset })).toEqual({
    ok: false,
    refusal: 'created_at of an AUTH event must be within 600 seconds of now',
  })
})

test.each([
  ['another kind', { kind: 1 }, /kind 22242, not 1/],
  ['another challenge', { tags: [RELAY, ['challenge', 'c2']] }, /challenge tag/],
  ['no challenge', { tags: [RELAY] }, /challenge tag/],
  ['a challenge without value', { tags: [RELAY, ['challenge']] }, /challenge tag/],
  ['another host', { tags: [['relay', 'wss://other.example'], CHALLENGE] }, /relay tag/],
  ['another path', { tags: [['relay', 'wss://relay.example/x'], CHALLENGE] }, /relay tag/],
  ['no relay', { tags: [CHALLENGE] }, /relay tag/],
  ['a relay that is no URL', { tags: [['relay', 'relay.example'], CHALLENGE] }, /relay tag/],
])('%s is refused', (_, members, text) => {
  expect(check(members)).toEqual({ ok: false, refusal: expect.stringMatching(text) })
})

test('no URL of ours means that nobody can be meant', () => {
  const event = testEvent({ kind: 22242, created_at: NOW, tags: [['relay', 'nonsense'], CHALLENGE] })
  expect(checkAuthEvent(event, { ...expected, relayUrls: ['nonsense'] })).toMatchObject({ ok: false })
})

test.each([
  'wss://relay.example',
  'wss://relay.example/',
  'WSS://Relay.EXAMPLE//',
  'wss://relay.example:443',
  'ws://relay.example:80/',
  'wss://user:secret@relay.example/?query#fragment',
])('%s is relay.example', (url) => {
  expect(normalizeRelayUrl(url)).toBe('relay.example')
})

test.each([
  ['wss://relay.example:8443/', 'relay.example:8443'],
  ['wss://relay.example/Path/', 'relay.example/Path'],
  ['ws://[::1]:7777/', '[::1]:7777'],
  ['wss://Ünïcode.example', 'xn--ncode-cta3g.example'],
])('%s is %s', (url, normalized) => {
  expect(normalizeRelayUrl(url)).toBe(normalized)
})

test.each(['', 'relay.example', 'https://relay.example', 'wss://', 'javascript:alert(1)'])(
  '%j is no relay URL',
  (url) => {
    expect(normalizeRelayUrl(url)).toBeUndefined()
  },
)

test('a megabyte of slashes is read at once', () => {
  const startMs = performance.now()
  expect(normalizeRelayUrl(`wss://relay.example${'/'.repeat(1_000_000)}x`)).toHaveLength(1_000_014)
  expect(performance.now() - startMs).toBeLessThan(2000)
})
