import { beforeEach, describe, expect, test } from 'vitest'
import type { Observation } from '../observation.ts'
import { RANGES, type Range, SECONDS_PER_DAY } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import { StatisticsEngine } from './index.ts'
import { GOLDEN } from './testing/golden.ts'
import {
  batchOf,
  fingerprintOf,
  NOW_SECONDS,
  observation,
  randomStream,
  relayReport,
} from './testing/index.ts'
import { plainFiguresOf } from './testing/plain-figures.ts'

const TODAY = Math.floor(NOW_SECONDS / SECONDS_PER_DAY)

function engineWith(observations: readonly Observation[], options = {}): StatisticsEngine {
  const engine = new StatisticsEngine(options)
  for (const relay of new Set(observations.map((one) => one.relay)))
    engine.knowRelay({ relay, url: `wss://relay-${relay}.example` })
  engine.apply(batchOf(observations))
  return engine
}

/** The last note of each of so many authors, one a second, at one relay. */
function notesOf(authors: number, first = 1): Observation[] {
  return Array.from({ length: authors }, (_, index) =>
    observation({ event: first + index, author: first + index, createdAt: NOW_SECONDS - (index % 3000) }),
  )
}

describe('the golden week', () => {
  let engine: StatisticsEngine
  beforeEach(() => {
    engine = engineWith(GOLDEN)
  })
  const kinds = (snapshot: Snapshot) =>
    Object.fromEntries(snapshot.byKind.map(({ kind, events }) => [kind, events]))
  const relays = (snapshot: Snapshot) =>
    Object.fromEntries(snapshot.relays.map(({ relay, events, users }) => [relay, [events, users.count]]))
  const summary = (range: Range) => {
    const snapshot = engine.snapshot(range, NOW_SECONDS)
    return {
      events: snapshot.events,
      users: [snapshot.users.count, snapshot.newUsers.count, snapshot.returningUsers.count],
      kinds: kinds(snapshot),
      relays: relays(snapshot),
      tagged: snapshot.taggedEvents,
      clients: snapshot.clients.map(({ name, events, users }) => [name, events, users.count]),
      languages: snapshot.languages.map(({ language, events }) => [language, events]),
    }
  }

  test('24 hours: events 1, 2, 3, 5, 6 and 8; of Alice, Bob and his wallet, of whom only the wallet is new', () => {
    expect(summary('24h')).toEqual({
      events: 6,
      users: [3, 1, 2],
      kinds: { 1: 2, 30023: 1, 9735: 2, 1059: 1 },
      relays: { 1: [4, 3], 2: [3, 2], 3: [2, 1] },
      tagged: 2,
      clients: [
        ['Damus', 1, 1],
        ['Habla', 1, 1],
      ],
      languages: [
        ['en', 1],
        ['ja', 1],
      ],
    })
  })

  test('7 days: events 4 and 9 besides; Carol and Dave were there before, Dave by one second', () => {
    expect(summary('7d')).toEqual({
      events: 8,
      users: [5, 1, 4],
      kinds: { 1: 3, 30023: 1, 9735: 2, 1059: 1, 7: 1 },
      relays: { 1: [5, 4], 2: [4, 3], 3: [2, 1] },
      tagged: 2,
      clients: [
        ['Damus', 1, 1],
        ['Habla', 1, 1],
      ],
      languages: [
        ['en', 2],
        ['ja', 1],
      ],
    })
  })

  test('30 days: events 10 and 12 besides; Dave is new, Carol is not by one second', () => {
    expect(summary('30d')).toMatchObject({
      events: 10,
      users: [5, 2, 3],
      kinds: { 1: 4, 30023: 1, 9735: 2, 1059: 1, 7: 2 },
      relays: { 1: [6, 4], 2: [5, 3], 3: [2, 1] },
      tagged: 3,
      clients: [
        ['Damus', 2, 2],
        ['Habla', 1, 1],
      ],
    })
  })

  test('90 days: events 13 and 15 besides; all are new but Alice, who was there in 2023', () => {
    expect(summary('90d')).toMatchObject({
      events: 12,
      users: [5, 4, 1],
      kinds: { 1: 6, 30023: 1, 9735: 2, 1059: 1, 7: 2 },
      relays: { 1: [6, 4], 2: [6, 3], 3: [3, 2] },
    })
  })

  test('all: event 16 besides; everybody was new once', () => {
    expect(summary('all')).toMatchObject({
      events: 13,
      users: [5, 5, 0],
      kinds: { 1: 7, 30023: 1, 9735: 2, 1059: 1, 7: 2 },
      relays: { 1: [6, 4], 2: [6, 3], 3: [4, 2] },
    })
  })

  test('zaps, articles, coverage and cohorts', () => {
    const snapshot = engine.snapshot('24h', NOW_SECONDS)
    expect(snapshot.zaps).toEqual({ count: 1, msat: 21_000n, checkedCount: 1, checkedMsat: 21_000n })
    expect(snapshot.longForm).toEqual({ events: 1, users: { count: 1, isApproximate: false, error: 0 } })
    expect(snapshot.coverage).toMatchObject({ relaysKnown: 3, futureDated: 2, absurdlyDated: 1, repeated: 1 })
    expect(snapshot.activeRelays).toBe(3)
    // Dave began in the week of Monday, 9 November, and this was one of its Sundays; Carol in October; the wallet this week.
    expect(snapshot.cohorts).toEqual([
      {
        weekStartSeconds: Date.UTC(2026, 8, 28) / 1000 + 21 * SECONDS_PER_DAY,
        users: 1,
        active: [1, 0, 0, 0, 1],
      },
      { weekStartSeconds: Date.UTC(2026, 10, 9) / 1000, users: 1, active: [1, 0] },
      { weekStartSeconds: Date.UTC(2026, 10, 16) / 1000, users: 1, active: [1] },
    ])
  })

  test('24 hours have 24 points, oldest first, and 7 days have 7', () => {
    const hours = engine.snapshot('24h', NOW_SECONDS).timeline
    expect(hours.map(({ events, users, zaps }) => [events, users, zaps])).toEqual([
      [1, 1, 0],
      ...Array.from({ length: 15 }, () => [0, 0, 0]),
      [1, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [2, 1, 1],
      ...Array.from({ length: 3 }, () => [0, 0, 0]),
      [2, 2, 0],
    ])
    expect(engine.snapshot('7d', NOW_SECONDS).timeline.map(({ events }) => events)).toEqual([
      1, 0, 0, 0, 0, 2, 5,
    ])
  })
})

test('changes name what was counted, once, and what the days are now', () => {
  const engine = new StatisticsEngine()
  const zap = observation({
    kind: 9735,
    zapMsat: 5_000n,
    client: 'Damus',
    createdAt: TODAY * SECONDS_PER_DAY,
  })
  const changes = engine.apply(batchOf([zap, { ...zap, relay: 2 }, zap]))
  const hour = TODAY * 24
  expect(changes.relayEvents.toSorted((a, b) => a.relay - b.relay)).toEqual([
    { hour, relay: 1, kind: 9735, events: 1 },
    { hour, relay: 2, kind: 9735, events: 1 },
  ])
  expect(changes.networkEvents).toEqual([{ hour, kind: 9735, events: 1, zaps: 1, zapMsat: 5_000n }])
  expect(changes.clients).toEqual([
    { name: 'Damus', events: 1, kinds: [9735], lastSeenSeconds: TODAY * SECONDS_PER_DAY },
  ])
  expect(changes.activeUsers).toMatchObject([{ day: TODAY, users: 1, newUsers: 1 }])
  expect(changes.activeUsers[0]!.registers.filter((value) => value > 0)).toHaveLength(1)
  expect(changes).toMatchObject({ counted: 2, repeated: 1, futureDated: 0, absurdlyDated: 0 })
  expect(engine.apply(batchOf([zap]))).toMatchObject({
    relayEvents: [],
    networkEvents: [],
    clients: [],
    repeated: 1,
  })
})

test('an author who turns out to have been there before takes the novelty from one day to the other', () => {
  const engine = engineWith([observation({ event: 1, createdAt: TODAY * SECONDS_PER_DAY })])
  const { activeUsers } = engine.apply(
    batchOf([observation({ event: 2, createdAt: (TODAY - 3) * SECONDS_PER_DAY })]),
  )
  expect(new Map(activeUsers.map(({ day, newUsers }) => [day, newUsers]))).toEqual(
    new Map([
      [TODAY - 3, 1],
      [TODAY, 0],
    ]),
  )
})

test('the same observations in any order and any batches give the same figures and the same registers', () => {
  const stream = randomStream({ seed: 7, observations: 2_000 })
  const forwards = engineWith(stream)
  const backwards = new StatisticsEngine()
  for (let relay = 1; relay <= 4; relay++) backwards.knowRelay({ relay, url: `wss://relay-${relay}.example` })
  const registers = new Map<number, Uint8Array>()
  const reversed = stream.toReversed()
  while (reversed.length > 0)
    for (const day of backwards.apply(batchOf(reversed.splice(0, 13))).activeUsers)
      registers.set(day.day, day.registers)
  for (const range of RANGES)
    expect(plainFiguresOf(backwards.snapshot(range, NOW_SECONDS))).toEqual(
      plainFiguresOf(forwards.snapshot(range, NOW_SECONDS)),
    )
  for (const day of new StatisticsEngine().apply(batchOf(stream)).activeUsers)
    expect(registers.get(day.day)).toEqual(day.registers)
})

test('nothing of a batch is counted while a day of it is on disk only', () => {
  const { state, fingerprints } = engineWith([observation()]).checkpoint()
  const engine = StatisticsEngine.restore(state, [TODAY])
  const batch = batchOf([
    observation({ event: 2, createdAt: NOW_SECONDS - 5 * SECONDS_PER_DAY }),
    observation(),
  ])
  expect(engine.missingDays(batch)).toEqual([TODAY])
  expect(() => engine.apply(batch)).toThrow(expect.objectContaining({ code: 'OBSERVATORY_DAYS_MISSING' }))
  expect(engine.snapshot('7d', NOW_SECONDS).events).toBe(1)
  engine.addFingerprints(TODAY, [fingerprints.get(TODAY)!])
  expect(engine.apply(batch)).toMatchObject({ counted: 1, repeated: 1 })
})

test('fingerprints are in every checkpoint until one of them is known to be on disk', () => {
  const engine = engineWith([observation({ event: 0, author: 0 })])
  const bytes = () => engine.checkpoint().fingerprints.get(TODAY)?.length
  // Event, event at the relay, author of the day.
  expect(bytes()).toBe(24)
  engine.apply(batchOf([observation({ event: 0, author: 0, relay: 2 })]))
  expect(bytes()).toBe(32)
  engine.apply(batchOf([observation({ event: 0, author: 0, relay: 3 })]))
  engine.commitCheckpoint()
  expect(bytes()).toBe(8)
  engine.commitCheckpoint()
  expect(bytes()).toBeUndefined()
})

test('a checkpoint that was cut or is of something else is refused', () => {
  const { state } = engineWith(GOLDEN).checkpoint()
  for (const bytes of [
    state.subarray(0, state.length - 4),
    Buffer.concat([state, state]),
    Buffer.from('nonsense'),
  ])
    expect(() => StatisticsEngine.restore(bytes, [])).toThrow(
      expect.objectContaining({ code: 'OBSERVATORY_STATE_DAMAGED' }),
    )
})

test('a large day is counted as exactly as a small one, and comes back from its checkpoint', () => {
  const stream = notesOf(40_000)
  const engine = engineWith(stream)
  const { state, fingerprints } = engine.checkpoint()
  const restored = StatisticsEngine.restore(state, [...fingerprints.keys()])
  for (const [day, part] of fingerprints) restored.addFingerprints(day, [part])
  expect(restored.apply(batchOf(stream))).toMatchObject({ counted: 0, repeated: 40_000 })
  expect(restored.snapshot('all', NOW_SECONDS).users).toEqual({
    count: 40_000,
    isApproximate: false,
    error: 0,
  })
})

describe('beyond the bounds', () => {
  const within = (count: number, error: number) => (expected: number) =>
    Math.abs(count - expected) <= 3 * error * expected

  test('users become an estimate within three standard errors, and say so', () => {
    const engine = engineWith(notesOf(3_000), { maxUsers: 1_000 })
    engine.apply(
      batchOf([observation({ event: 9_000, author: 1, createdAt: NOW_SECONDS - 3 * SECONDS_PER_DAY })]),
    )
    for (const range of RANGES) {
      const { users, newUsers, returningUsers } = engine.snapshot(range, NOW_SECONDS)
      expect(users).toMatchObject({ isApproximate: true, error: 0.065 })
      expect(within(users.count, 0.065)(3_000)).toBe(true)
      expect(newUsers.count + returningUsers.count).toBe(users.count)
    }
    expect(engine.stats()).toMatchObject({ users: 0, isApproximate: 1 })
  })

  test('a million keys that nobody will see again take no more memory than the bound', () => {
    const engine = new StatisticsEngine({
      maxUsers: 10_000,
      maxRelayUsers: 10_000,
      maxFingerprintBytes: 1_000_000,
    })
    const perBatch = 50_000
    let largest = 0
    for (let first = 0; first < 1_000_000; first += perBatch) {
      const batch = batchOf([])
      for (let key = first; key < first + perBatch; key++) {
        const row = batch.addRow()
        const id = fingerprintOf(key)
        batch.relay[row] = 1 + (key % 3)
        batch.eventHigh[row] = batch.authorHigh[row] = id.high
        batch.eventLow[row] = batch.authorLow[row] = id.low
        batch.createdAt[row] = batch.seenAt[row] = NOW_SECONDS + (first / perBatch - 20) * SECONDS_PER_DAY
        batch.kind[row] = 1
      }
      engine.apply(batch)
      engine.checkpoint()
      engine.commitCheckpoint()
      largest = Math.max(largest, engine.stats().bytes)
    }
    const { users } = engine.snapshot('all', NOW_SECONDS)
    expect(within(users.count, 0.065)(1_000_000)).toBe(true)
    expect(largest).toBeLessThan(6_000_000)
  })

  test('the largest relays become estimates first, and small ones stay exact', () => {
    const engine = engineWith(
      [
        ...notesOf(2_000),
        observation({ event: 5_001, relay: 2, author: 1 }),
        observation({ event: 5_002, relay: 2, author: 2 }),
      ],
      { maxRelayUsers: 1_000 },
    )
    const [large, small] = engine.snapshot('24h', NOW_SECONDS).relays
    expect(large!.users.isApproximate).toBe(true)
    expect(within(large!.users.count, 0.065)(2_000)).toBe(true)
    expect(small!.users).toEqual({ count: 2, isApproximate: false, error: 0 })
  })

  test('an estimate survives a restart', () => {
    const options = { maxUsers: 100, maxRelayUsers: 100 }
    const engine = engineWith(notesOf(1_000), options)
    const restored = StatisticsEngine.restore(engine.checkpoint().state, [TODAY], options)
    for (const range of RANGES)
      expect(restored.snapshot(range, NOW_SECONDS)).toEqual(engine.snapshot(range, NOW_SECONDS))
  })

  test('relays beyond the bound count for the network alone, and still once', () => {
    const engine = engineWith(
      [observation(), observation({ relay: 2, event: 2 }), observation({ relay: 2, event: 2 })],
      { maxRelays: 1 },
    )
    const { events, relays, coverage } = engine.snapshot('24h', NOW_SECONDS)
    expect({ events, relays: relays.length, repeated: coverage.repeated }).toEqual({
      events: 2,
      relays: 1,
      repeated: 1,
    })
  })

  test('clients make room for others when all names are taken, those with the fewest events first', () => {
    const names = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) =>
        observation({ event: 10 + from + index, client: `client ${from + index}` }),
      )
    const engine = engineWith([
      observation({ event: 1, client: 'Damus' }),
      observation({ event: 2, client: 'Damus' }),
      ...names(0, 3_000),
    ])
    expect(engine.stats().clients).toBe(2_048)
    engine.apply(batchOf([observation({ event: 9_999, client: 'a new one' })]))
    const { clients, taggedEvents } = engine.snapshot('24h', NOW_SECONDS)
    expect(taggedEvents).toBe(3_003)
    expect(clients[0]).toMatchObject({ name: 'Damus', events: 2 })
    expect(clients.map(({ name }) => name)).toContain('a new one')
    expect(engine.stats().clients).toBe(1_025)
  })
})

describe('reports of relays', () => {
  const relayWith = (range: Range, engine: StatisticsEngine, nowSeconds = NOW_SECONDS) =>
    engine.snapshot(range, nowSeconds).relays[0]!

  test('uptime is the share of the watched time of the range, of all regions together', () => {
    const engine = engineWith([observation()])
    engine.report([relayReport({ watchedSeconds: 60, connectedSeconds: 60 })], 'eu')
    engine.report([relayReport({ watchedSeconds: 60, connectedSeconds: 0, state: 'waiting' })], 'us')
    engine.report(
      [
        relayReport({
          atSeconds: NOW_SECONDS - 3 * SECONDS_PER_DAY,
          watchedSeconds: 120,
          connectedSeconds: 0,
        }),
      ],
      'eu',
    )
    expect(relayWith('24h', engine).uptime).toBe(0.5)
    expect(relayWith('7d', engine).uptime).toBe(0.25)
    expect(engine.snapshot('24h', NOW_SECONDS).coverage).toMatchObject({
      regions: ['eu', 'us'],
      relaysWatched: 1,
      relaysConnected: 1,
    })
    expect(relayWith('24h', engine).state).toBe('live')
  })

  test('the same report that comes twice counts once', () => {
    const engine = engineWith([observation()])
    const report = relayReport({ connectedSeconds: 30, offences: { 'not-json': 2 } })
    engine.report([report], 'eu')
    engine.report([report], 'eu')
    expect(relayWith('24h', engine)).toMatchObject({ uptime: 0.5, offences: { 'not-json': 2 } })
  })

  test('a relay whose collector is silent for 15 minutes is not counted as connected', () => {
    const engine = engineWith([observation()])
    engine.report([relayReport()], 'eu')
    expect(engine.snapshot('24h', NOW_SECONDS + 899).coverage.relaysConnected).toBe(1)
    expect(engine.snapshot('24h', NOW_SECONDS + 900).coverage.relaysConnected).toBe(0)
  })

  test('percentiles of latency are within a tenth of the true ones, of the relay and of all', () => {
    const engine = engineWith([observation(), observation({ relay: 2, event: 2 })])
    const readMs = Array.from({ length: 500 }, (_, index) => 20 + index)
    engine.report([relayReport({ readMs, pingMs: readMs.map((ms) => ms + 500) })], 'eu')
    engine.report([relayReport({ relay: 2, readMs: [Number.NaN, -1, 7] })], 'eu')
    const { relays, latencyP50Ms, averageLatencyMs } = engine.snapshot('24h', NOW_SECONDS)
    expect(Math.abs(relays[0]!.latencyP50Ms! / 520 - 1)).toBeLessThan(0.1)
    expect(Math.abs(relays[0]!.latencyP95Ms! / 970 - 1)).toBeLessThan(0.1)
    expect(Math.abs(relays[1]!.latencyP95Ms! / 7 - 1)).toBeLessThan(0.1)
    expect(Math.abs(latencyP50Ms! / 519 - 1)).toBeLessThan(0.1)
    expect(Math.abs(averageLatencyMs! / 519 - 1)).toBeLessThan(0.05)
    expect(relayWith('24h', engine, NOW_SECONDS + 2 * SECONDS_PER_DAY).latencyP50Ms).toBeUndefined()
  })

  test('latencies that come after a snapshot was asked for are in the next one', () => {
    const engine = engineWith([observation()])
    engine.report([relayReport({ readMs: [10] })], 'eu')
    expect(relayWith('7d', engine).latencyP95Ms).toBeLessThan(12)
    engine.report(
      [relayReport({ atSeconds: NOW_SECONDS + 1, readMs: Array.from({ length: 99 }, () => 1000) })],
      'eu',
    )
    expect(relayWith('7d', engine).latencyP50Ms).toBeGreaterThan(900)
    const later = NOW_SECONDS + 7 * SECONDS_PER_DAY
    engine.report([relayReport({ atSeconds: later, readMs: [10] })], 'eu')
    expect(relayWith('7d', engine, later).latencyP95Ms).toBeLessThan(12)
  })

  test('reports and what relays say of themselves survive a restart', () => {
    const engine = engineWith([observation()])
    const information = {
      name: 'A relay',
      nips: [1, 11],
      countries: ['CH'],
      needsPayment: false,
      needsAuth: false,
      needsWork: false,
      restrictsWrites: false,
      languages: [],
    }
    engine.report(
      [relayReport({ readMs: [50, 60], pingMs: [10], offences: { flood: 3 }, information })],
      'eu',
    )
    const restored = StatisticsEngine.restore(engine.checkpoint().state, [TODAY])
    for (const range of RANGES)
      expect(restored.snapshot(range, NOW_SECONDS)).toEqual(engine.snapshot(range, NOW_SECONDS))
    expect(relayWith('24h', restored)).toMatchObject({ information, offences: { flood: 3 } })
  })

  test('a relay that proved nothing is a candidate, and in no list', () => {
    const engine = new StatisticsEngine()
    engine.knowRelay({ relay: 1, url: 'wss://nobody.example' })
    engine.report([relayReport({ isProven: false, state: 'waiting' })], 'eu')
    expect(engine.snapshot('all', NOW_SECONDS)).toMatchObject({
      relays: [],
      coverage: { relaysKnown: 0, relaysCandidate: 1, relaysWatched: 1 },
    })
  })
})

test('days that are on disk leave the memory beyond the bound, but never the two newest', () => {
  const days = Array.from({ length: 10 }, (_, day) =>
    observation({ event: 1 + day, createdAt: NOW_SECONDS - day * SECONDS_PER_DAY }),
  )
  const engine = engineWith(days, { maxFingerprintBytes: 0 })
  expect(engine.stats().daysInMemory).toBe(10)
  engine.checkpoint()
  engine.commitCheckpoint()
  expect(engine.stats().daysInMemory).toBe(2)
  expect(engine.missingDays(batchOf(days))).toEqual(Array.from({ length: 8 }, (_, day) => TODAY - 2 - day))
})
