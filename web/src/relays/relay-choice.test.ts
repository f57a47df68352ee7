import { expect, test } from 'vitest'
import type { RelayBody } from '../api/bodies.ts'
import { chosenRelays, optionsOf, readChoice } from './relay-choice.ts'

const relay = (url: string, facts: Partial<RelayBody> = {}): RelayBody => ({
  url,
  events: 0,
  latency: null,
  latency_p95: null,
  health_score: null,
  uptime: null,
  active_users: { count: 0, approximate: false, error: 0 },
  state: 'live',
  name: null,
  software: null,
  version: null,
  nips: [],
  countries: [],
  needs_payment: false,
  needs_auth: false,
  kind_distribution: {},
  offences: {},
  first_seen: null,
  last_event: null,
  ...facts,
})

const relays = [
  relay('wss://b.example', { events: 5, latency: 80, uptime: 99, nips: [1, 50], countries: ['de'] }),
  relay('wss://a.example', { events: 5, latency: 300, uptime: 40, software: 'https://github.com/x/strfry' }),
  relay('wss://c.example', { events: 9, name: 'The Agora', state: 'waiting', software: 'strfry' }),
]

const shown = (query: string) =>
  chosenRelays(relays, readChoice(new URLSearchParams(query)))
    .map(({ url }) => url.slice(6, 7))
    .join('')

test('relays come by events, most first, and equal ones by their address', () => {
  expect(shown('')).toBe('cab')
  expect(shown('dir=ascending')).toBe('abc')
  expect(shown('sort=name')).toBe('abc')
})

test('what was not measured comes last in either direction', () => {
  expect(shown('sort=latency')).toBe('bac')
  expect(shown('sort=latency&dir=descending')).toBe('abc')
})

test('each filter leaves those that hold it, and a relay without a measurement holds none', () => {
  expect(shown('nip=50')).toBe('b')
  expect(shown('country=DE')).toBe('b')
  expect(shown('software=strfry')).toBe('ca')
  expect(shown('state=waiting')).toBe('c')
  expect(shown('latency=100')).toBe('b')
  expect(shown('uptime=30')).toBe('ab')
  expect(shown('uptime=30&nip=7')).toBe('')
})

test('a search finds every word, in the address, the name and the software', () => {
  expect(shown('q=AGORA')).toBe('c')
  expect(shown('q=strfry+a.ex')).toBe('a')
})

test('an address that makes no sense is the usual choice', () => {
  const { order, direction, page } = readChoice(new URLSearchParams('sort=x&dir=up&page=-3'))
  expect([order, direction, page]).toEqual(['events', 'descending', 1])
})

test('there is to choose what there is', () => {
  expect(optionsOf(relays)).toEqual({
    nips: ['1', '50'],
    countries: ['DE'],
    software: ['strfry'],
    states: ['live', 'waiting'],
  })
})
