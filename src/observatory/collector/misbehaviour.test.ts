/** Every way of *Bad input*: it is counted against that relay, ends as it should, and nothing else is disturbed. */
import { afterEach, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import type { Offence } from '../relay-report.ts'
import {
  eventOfNewKey,
  MISBEHAVIOURS,
  type Misbehaviour,
  openTestCollector,
  startMisbehavingRelay,
} from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const nowSeconds = Math.floor(Date.now() / 1_000)
const EVENTS: readonly NostrEvent[] = Array.from({ length: 30 }, (_, n) =>
  eventOfNewKey({ created_at: nowSeconds - 60 * n - 1, content: `${n}` }),
)

/** What each ends as; `isLeft`: the connection is given up, and tried again later. */
const ENDS: Readonly<Record<Misbehaviour, { readonly offence?: Offence; readonly isLeft: boolean }>> = {
  garbage: { offence: 'not-json', isLeft: false },
  'forged-ids': { offence: 'forged-id', isLeft: false },
  'wrong-signatures': { offence: 'wrong-signature', isLeft: false },
  'malformed-events': { offence: 'malformed-event', isLeft: false },
  'other-filters': { offence: 'not-asked-for', isLeft: false },
  'long-messages': { offence: 'message-too-long', isLeft: true },
  'endless-stream': { offence: 'endless-stream', isLeft: true },
  'endless-pieces': { offence: 'endless-stream', isLeft: true },
  'future-dates': { offence: 'future-date', isLeft: false },
  'absurd-dates': { offence: 'absurd-date', isLeft: false },
  // Whether there are too many is known to the intake alone.
  'many-keys': { isLeft: false },
  'no-eose': { offence: 'no-eose', isLeft: false },
  'closes-at-once': { offence: 'closed-at-once', isLeft: true },
  redirects: { offence: 'redirected', isLeft: true },
  'bad-certificate': { offence: 'bad-certificate', isLeft: true },
  hangs: { offence: 'silent', isLeft: true },
  silent: { offence: 'silent', isLeft: true },
  floods: { offence: 'flood', isLeft: true },
  'no-websocket': { isLeft: true },
  'no-http': { offence: 'not-json', isLeft: true },
}

async function start(misbehaviour?: Misbehaviour) {
  const relay = await startMisbehavingRelay({
    events: EVENTS,
    ...(misbehaviour !== undefined && { misbehaviour }),
  })
  stops.push(() => relay.stop())
  return relay
}

test('relays that misbehave in every way end as they should, and an honest one among them is read whole', async () => {
  const bad = await Promise.all(MISBEHAVIOURS.map(async (way) => ({ way, relay: await start(way) })))
  const honest = await start()
  const before = process.memoryUsage().rss
  const watched = await openTestCollector({
    seeds: [...bad.map(({ relay }) => relay.url), honest.url],
    limits: { messagesPerSecond: 100, burstMessages: 3_000 },
  })
  stops.push(() => watched.stop())
  const isSettled = (url: string, { offence, isLeft }: { offence?: Offence; isLeft: boolean }) => {
    const { state, offences, failures } = watched.statusOf(url)
    const isCounted = offence === undefined || (offences[offence] ?? 0) > 0
    return isCounted && (isLeft ? state === 'waiting' && failures > 0 : state !== 'connecting')
  }
  await eventually(() => bad.every(({ way, relay }) => isSettled(relay.url, ENDS[way])))
  await eventually(() => watched.stateOf(honest.url) === 'live')

  expect(watched.idsOf(honest.url)).toEqual(new Set(EVENTS.map(({ id }) => id)))
  expect(watched.offencesOf(honest.url)).toEqual({})
  expect(watched.directory.entryOf(honest.url)).toMatchObject({ isProven: true, failures: 0 })
  for (const { way, relay } of bad) {
    const { state, offences } = watched.statusOf(relay.url)
    const { offence, isLeft } = ENDS[way]
    expect({ way, isLeft: state === 'waiting' }).toEqual({ way, isLeft })
    // Nothing else is held against it than what it did.
    expect({ way, offences: Object.keys(offences) }).toEqual({
      way,
      offences: offence === undefined ? [] : [offence],
    })
  }
  const reported = () => new Set(watched.reports.flatMap(({ offences }) => Object.keys(offences)))
  const expected = new Set<string>(Object.values(ENDS).flatMap(({ offence }) => offence ?? []))
  await eventually(() => reported().size >= expected.size)
  expect(reported()).toEqual(expected)
  expect(watched.collector.stats().offences.silent).toBe(2)
  // Twenty relays that send without an end, ten megabytes and garbage; all of it in this process.
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1_048_576)
})

test('a relay that never says which events were all is listened to, but its cursor does not move', async () => {
  const relay = await start('no-eose')
  const watched = await openTestCollector({ seeds: [relay.url] })
  stops.push(() => watched.stop())
  await eventually(() => watched.offencesOf(relay.url)['no-eose'] === 1)
  const late = eventOfNewKey({})
  relay.publish(late)
  await eventually(() => watched.idsOf(relay.url).has(late.id))
  expect(watched.statusOf(relay.url).cursor.until).toBeUndefined()
})

test('a relay with too many offences in an hour is left, and tried again later', async () => {
  const relay = await start('garbage')
  const watched = await openTestCollector({ seeds: [relay.url], limits: { maxOffencePointsPerHour: 50 } })
  stops.push(() => watched.stop())
  await eventually(() => watched.stateOf(relay.url) === 'waiting')
  const { reason, nextTrySeconds, offences } = watched.statusOf(relay.url)
  expect(reason).toBe('too many offences, the last: not-json')
  expect(nextTrySeconds).toBeGreaterThan(nowSeconds)
  // Points of one more than the bound, not of everything it has sent.
  expect(offences['not-json']).toBe(6)
})

test('a page full of events that are dated ahead hides nothing that is behind it', async () => {
  const spam = Array.from({ length: 30 }, (_, n) => eventOfNewKey({ created_at: nowSeconds + 100_000 + n }))
  const relay = await startMisbehavingRelay({ events: [...EVENTS, ...spam], cap: 10 })
  stops.push(() => relay.stop())
  const watched = await openTestCollector({ seeds: [relay.url] })
  stops.push(() => watched.stop())
  await eventually(() => watched.idsOf(relay.url).size === EVENTS.length)
})
