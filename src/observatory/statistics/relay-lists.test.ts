import { expect, test } from 'vitest'
import { RANGES, SECONDS_PER_DAY } from '../ranges.ts'
import { StatisticsEngine } from './index.ts'
import { batchOf, NOW_SECONDS, observation, relayReport } from './testing/index.ts'

/** Three users at a relay that is watched, one of them at another relay too, and room for no more. */
function twoRelays(): StatisticsEngine {
  const engine = new StatisticsEngine({ maxRelayUsers: 4 })
  for (const relay of [1, 2]) engine.knowRelay({ relay, url: `wss://relay-${relay}.example` })
  const notes = [1, 2, 3].map((n) => observation({ event: n, author: n }))
  engine.apply(batchOf([...notes, observation({ relay: 2, event: 1 })]))
  engine.report([relayReport({ readMs: [50] })], 'eu')
  return engine
}

const relayOf = (engine: StatisticsEngine, relay: number, nowSeconds = NOW_SECONDS) =>
  engine.snapshot('7d', nowSeconds).relays.find((one) => one.relay === relay)!

test('a relay of which nothing is new is not read again', () => {
  const engine = twoRelays()
  const before = [relayOf(engine, 1), relayOf(engine, 2)]
  engine.apply(batchOf([observation({ relay: 2, event: 3 })]))
  expect(relayOf(engine, 1)).toBe(before[0])
  expect(relayOf(engine, 2)).toMatchObject({ ...before[1], events: 2, kinds: [{ kind: 1, events: 2 }] })
})

test.each<[string, (engine: StatisticsEngine) => void, object]>([
  [
    'an event',
    (engine) => engine.apply(batchOf([observation({ event: 4, author: 2, kind: 7 })])),
    { events: 4, users: { count: 3 }, kinds: [{ kind: 1 }, { kind: 7 }] },
  ],
  [
    'a report',
    (engine) =>
      engine.report([relayReport({ atSeconds: NOW_SECONDS + 1, connectedSeconds: 0, readMs: [900] })], 'eu'),
    { uptime: 0.5, latencyP95Ms: expect.closeTo(900, -2) },
  ],
  [
    'an address',
    (engine) => engine.knowRelay({ relay: 1, url: 'wss://other.example' }),
    { url: 'wss://other.example' },
  ],
  [
    'an earlier sight, of an event that was counted',
    (engine) => engine.apply(batchOf([observation({ event: 1, seenAt: NOW_SECONDS - 300 })])),
    { firstSeenSeconds: NOW_SECONDS - 300, events: 3 },
  ],
  [
    'that memory no longer suffices for its users, by one of another relay',
    (engine) => engine.apply(batchOf([observation({ relay: 2, event: 9, author: 9 })])),
    { events: 3, users: { isApproximate: true } },
  ],
])('%s is in the next figures of a relay that were shown before', (_, change, wanted) => {
  const engine = twoRelays()
  for (const range of RANGES) engine.snapshot(range, NOW_SECONDS)
  change(engine)
  expect(relayOf(engine, 1)).toMatchObject(wanted)
  // As if nobody had asked before.
  const restored = StatisticsEngine.restore(engine.checkpoint().state, [])
  for (const range of RANGES)
    expect(engine.snapshot(range, NOW_SECONDS)).toEqual(restored.snapshot(range, NOW_SECONDS))
})

test('silence changes the state of a relay, and midnight its figures, with nothing new of it', () => {
  const engine = twoRelays()
  engine.report([relayReport({ state: 'waiting', atSeconds: NOW_SECONDS - 600 })], 'us')
  expect(relayOf(engine, 1).state).toBe('live')
  engine.report([relayReport({ state: 'connecting', atSeconds: NOW_SECONDS + 600 })], 'us')
  expect(relayOf(engine, 1, NOW_SECONDS + 899).state).toBe('live')
  expect(relayOf(engine, 1, NOW_SECONDS + 900).state).toBe('connecting')
  // Nobody reports of the second one, whose state is the same for ever.
  expect(relayOf(engine, 2)).toMatchObject({ events: 1, state: 'waiting' })
  expect(relayOf(engine, 2, NOW_SECONDS + 7 * SECONDS_PER_DAY)).toMatchObject({ events: 0, state: 'waiting' })
})

test('two thousand relays that never answered take no tables, and one that was measured once takes few bytes', () => {
  const engine = new StatisticsEngine()
  const empty = engine.stats().bytes
  for (let relay = 1; relay <= 2_000; relay++) engine.knowRelay({ relay, url: `wss://r${relay}.example` })
  const silent = { isProven: false, state: 'waiting', watchedSeconds: 0, connectedSeconds: 0 } as const
  engine.report(
    Array.from({ length: 2_000 }, (_, n) => relayReport({ relay: 1 + n, ...silent })),
    'eu',
  )
  expect(engine.stats()).toMatchObject({ relays: 2_000, bytes: empty })
  engine.report([relayReport({ atSeconds: NOW_SECONDS + 1, readMs: [40], pingMs: [30] })], 'eu')
  // Two counters of the time that it was watched and connected, and its latencies.
  expect(engine.stats().bytes - empty).toBeLessThan(2_048)
})
