import { expect, test } from 'vitest'
import { FIGURE_PATHS, indexSnapshot, parseFigure, relayKey } from './figure.ts'
import { testRelay, testSnapshot } from './testing/snapshots.ts'

const users = (count: number) => ({ count, isApproximate: false, error: 0 })
const snapshot = testSnapshot({
  events: 12,
  users: users(7),
  latencyP95Ms: 250,
  zaps: { count: 2, msat: 2n ** 60n, checkedCount: 1, checkedMsat: 5n },
  byKind: [{ kind: 30023, events: 3 }],
  languages: [{ language: 'ja', events: 4 }],
  clients: [{ name: 'a[b].c', events: 5, users: users(2), kinds: [1], lastSeenSeconds: 1 }],
  relays: [
    testRelay('wss://relay.example', { healthScore: 81, offences: { 'forged-id': 6 } }),
    testRelay('wss://relay.example/inbox/', { events: 9, users: users(8) }),
  ],
})

function read(path: string) {
  const figure = parseFigure(path)
  return figure.ok ? figure.value.read(indexSnapshot(snapshot)) : figure.refusal
}

test.each([
  ['events', 12],
  ['users', 7],
  ['latencyP95Ms', 250],
  ['latencyP50Ms', undefined],
  ['zaps.msat', 2n ** 60n],
  ['coverage.relaysConnected', 2],
  ['kinds[30023].events', 3],
  ['kinds[1].events', 0],
  ['languages[ja].events', 4],
  ['languages[de].events', 0],
  ['clients[a[b].c].users', 2],
  ['clients[unheard of].events', 0],
  ['relays[wss://relay.example].healthScore', 81],
  ['relays[WSS://Relay.Example:443/].healthScore', 81],
  ['relays[wss://relay.example].offences.forged-id', 6],
  ['relays[wss://relay.example].offences.flood', 0],
  ['relays[wss://relay.example/inbox].users', 8],
  ['relays[wss://elsewhere.example].events', undefined],
])('%s is %s', (path, value) => {
  expect(read(path)).toBe(value)
})

test.each([
  ['event', /there is no figure "event"; it is one of events, users/],
  ['constructor', /there is no figure/],
  ['timeline[0].events', /there is no figure/],
  ['relays[wss://relay.example].beauty', /no figure "beauty"; it is one of events/],
  ['relays[wss://relay.example].toString', /no figure "toString"/],
  ['relays[https://relay.example].events', /no address of a relay/],
  ['relays[wss://user:secret@relay.example].events', /no address of a relay/],
  ['kinds[65536].events', /no kind; it is a number from 0 to 65535/],
  ['kinds[01].events', /no kind/],
  ['languages[].events', /there is no figure/],
  ['languages[xx].events', /not one of the languages en, ja/],
  ['clients[x].kinds', /no figure "kinds"; it is one of events, users/],
  ['e'.repeat(601), /at most 600 characters/],
])('%s is refused with what it may be', (path, why) => {
  expect(read(path)).toMatch(why)
})

test('every path of the list is a figure when its name is filled in', () => {
  const filled = FIGURE_PATHS.map((path) =>
    path
      .replace('<kind>', '1')
      .replace('<language>', 'en')
      .replace('<name>', 'Damus')
      .replace('<wss://…>', 'wss://relay.example'),
  )
  expect(filled.filter((path) => !parseFigure(path).ok)).toEqual([])
})

test('a relay has one key, however its address is spelt', () => {
  const spellings = ['wss://relay.example', 'wss://RELAY.example/', 'wss://relay.example:443//']
  expect(new Set(spellings.map(relayKey))).toEqual(new Set(['wss://relay.example']))
})
