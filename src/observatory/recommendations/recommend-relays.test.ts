import { expect, test } from 'vitest'
import { recommendRelays } from './recommend-relays.ts'
import { relayFigures } from './testing/relay-figures.ts'

const ME = 'e'.repeat(64)
const NOW = 1_800_000_000
const person = (number: number, ...writeRelays: string[]) => ({
  pubkey: number.toString(16).padStart(64, '0'),
  writeRelays,
})

function recommend(
  lists: readonly ReturnType<typeof person>[],
  figures = [relayFigures('wss://a.example.com'), relayFigures('wss://b.example.com')],
) {
  return recommendRelays({ pubkey: ME, lists, figures, now: NOW })
}

test('the relay that most follows write to comes first, and the next is counted for whom it adds', () => {
  const body = recommend([
    person(1, 'wss://a.example.com'),
    person(2, 'wss://A.example.com/', 'wss://a.example.com'),
    person(3, 'wss://a.example.com', 'wss://b.example.com'),
    person(4, 'wss://b.example.com'),
    person(5),
  ])
  expect(body).toMatchObject({ pubkey: ME, follows: 5, follows_with_lists: 4, covered: 4 })
  expect(body.relays).toMatchObject([
    { url: 'wss://a.example.com', reaches: 3, adds: 3, health_score: 100, latency: 100 },
    { url: 'wss://b.example.com', reaches: 2, adds: 1 },
  ])
  expect(body.relays.map(({ why }) => why)).toEqual([
    '3 of the 4 you follow whose relays are known write to it; it was up 100 % of the time and answers in 100 ms.',
    '2 of the 4 you follow whose relays are known write to it, 1 of them to no relay above; it was up 100 % of the time and answers in 100 ms.',
  ])
})

test('of two that reach the same people the healthier and quicker comes first, and the other stands in for it', () => {
  const lists = [person(1, 'wss://a.example.com', 'wss://b.example.com')]
  const slow = recommend(lists, [
    relayFigures('wss://a.example.com', { latencyP50Ms: 3000 }),
    relayFigures('wss://b.example.com'),
  ])
  expect(slow.relays[0]?.url).toBe('wss://b.example.com')
  const ill = recommend(lists, [
    relayFigures('wss://a.example.com', { healthScore: 40 }),
    relayFigures('wss://b.example.com'),
  ])
  expect(ill.relays[0]?.url).toBe('wss://b.example.com')
  expect(ill.relays[1]?.why).toContain('all of them to relays above too')
  const stale = recommend(lists, [
    relayFigures('wss://a.example.com', { lastEventSeconds: NOW - 30 * 86_400 }),
    relayFigures('wss://b.example.com', { lastEventSeconds: NOW - 60 }),
  ])
  expect(stale.relays[0]?.url).toBe('wss://b.example.com')
})

test('a relay that is dead or refused is not recommended, even when nothing else reaches somebody', () => {
  const lists = [person(1, 'wss://a.example.com'), person(2, 'wss://b.example.com')]
  const body = recommend(lists, [
    relayFigures('wss://a.example.com', { uptime: 0, healthScore: 10 }),
    relayFigures('wss://b.example.com', { state: 'refused' }),
  ])
  expect(body).toMatchObject({ follows_with_lists: 2, covered: 0, relays: [] })
})

test('a relay that nobody measured comes behind one that was, and says so', () => {
  const lists = [
    person(1, 'wss://a.example.com', 'wss://new.example.com'),
    person(2, 'wss://new.example.com'),
  ]
  const { relays } = recommend(lists)
  expect(relays.map(({ url }) => url)).toEqual(['wss://a.example.com', 'wss://new.example.com'])
  expect(relays[1]).toMatchObject({ health_score: null, latency: null, adds: 1 })
  expect(relays[1]?.why).toContain('we have not measured it yet')
})

test('addresses of one machine or network, of onion services and of nothing are passed over', () => {
  const lists = [
    person(
      1,
      'ws://localhost:7777',
      'wss://192.168.1.2',
      'ws://abc.onion',
      'wss://home.lan',
      'nonsense',
      'wss://[::1]',
    ),
  ]
  expect(recommend(lists)).toMatchObject({ follows: 1, follows_with_lists: 0, relays: [], covered: 0 })
})

test('nobody followed is no error', () => {
  expect(recommend([])).toEqual({ pubkey: ME, follows: 0, follows_with_lists: 0, relays: [], covered: 0 })
})
