import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { migrateWithData, testDatabase } from '../../platform/database/testing/index.ts'
import type { Delivery } from '../delivery.ts'
import { ObservationBatch } from '../observation-batch.ts'
import { RANGES } from '../ranges.ts'
import type { RelayReport } from '../relay-report.ts'
import {
  decodeSnapshot,
  encodeSnapshot,
  latestSnapshot,
  relayHistory,
  relayLogs,
  tableDirectory,
  tableSink,
} from './index.ts'
import { latencyAt } from './latency-histogram.ts'
import { learnRelays, NOW_SECONDS, plannedDelivery, RELAY_URLS, testKeeper } from './testing/index.ts'
import { tidy } from './tidy.ts'

const PATIENCE = { timeout: 30_000, interval: 10 }

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

const report = (relay: number, more: Partial<RelayReport> = {}): RelayReport => ({
  relay,
  atSeconds: NOW_SECONDS,
  state: 'live',
  watchedSeconds: 0,
  connectedSeconds: 0,
  openMs: [],
  readMs: [],
  pingMs: [],
  offences: {},
  isProven: false,
  failures: 0,
  nextTrySeconds: 0,
  ...more,
})
const reported = (reports: readonly RelayReport[], region = 'eu'): Delivery => ({
  collector: 'c',
  region,
  observations: new ObservationBatch(0),
  reports,
})

/** Counts what was delivered so far, and stops. */
async function countAll(wanted: number): Promise<void> {
  const keeper = await testKeeper(database.db)
  await vi.waitFor(() => expect(keeper.stats().batches).toBe(wanted), PATIENCE)
  await keeper.stop()
}

test('relays get numbers without gaps, each the same to everybody, and no more than the bound', async () => {
  const directory = tableDirectory(database.db, { maxRelays: 20 })
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, n) => directory.learn([...RELAY_URLS.slice(n), ...RELAY_URLS], 'seed')),
  )
  const numbers = new Map(all[0]!.map(({ url, relay }) => [url, relay]))
  for (const entries of all) for (const { url, relay } of entries) expect(numbers.get(url)).toBe(relay)
  const many = await directory.learn(
    Array.from({ length: 30 }, (_, n) => `wss://more-${n}.example/`),
    'relay-list',
  )
  expect(many).toHaveLength(8)
  const known = await directory.all()
  expect(known.map(({ relay }) => relay)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  expect(await directory.learn([RELAY_URLS[0]!, '', 'x'.repeat(2_000)], 'monitor')).toEqual([
    {
      relay: numbers.get(RELAY_URLS[0]!),
      url: RELAY_URLS[0],
      isProven: false,
      cursor: { since: undefined, until: undefined },
      failures: 0,
      nextTrySeconds: 0,
    },
  ])
})

test('what a collector reports of a relay is what the next one begins with, and an older report changes nothing', async () => {
  const directory = tableDirectory(database.db, { maxRelays: 20 })
  const [first = 0, second = 0] = await learnRelays(database.db)
  const sink = tableSink(database.db)
  const information = {
    name: 'a\0b \ud800',
    software: 's\0',
    nips: [1, 11.5],
    countries: ['DE'],
    needsPayment: false,
    needsAuth: true,
    needsWork: false,
    restrictsWrites: false,
    languages: [],
  }
  await sink.deliver(
    reported([
      report(first, {
        isProven: true,
        information,
        failures: 3,
        nextTrySeconds: NOW_SECONDS + 60.7,
        cursor: { since: 5, until: 9 },
      }),
      report(first, {
        atSeconds: NOW_SECONDS + 1,
        state: 'waiting',
        reason: 'nul \0 here',
        failures: 4,
        nextTrySeconds: NOW_SECONDS + 90,
      }),
      report(second, {
        cursor: { since: undefined, until: undefined },
        failures: Number.NaN,
        nextTrySeconds: Number.POSITIVE_INFINITY,
      }),
      report(99_999),
    ]),
  )
  await sink.deliver(
    reported([report(first, { atSeconds: NOW_SECONDS - 5, cursor: { since: 1, until: 2 } })]),
  )
  const [entry, other] = await directory.all()
  expect(entry).toMatchObject({
    isProven: true,
    cursor: { since: 5, until: 9 },
    failures: 4,
    nextTrySeconds: NOW_SECONDS + 90,
  })
  expect(other).toMatchObject({
    isProven: false,
    cursor: { since: undefined, until: undefined },
    failures: 0,
  })
  const row = await database.db
    .selectFrom('relays')
    .selectAll()
    .where('id', '=', first)
    .executeTakeFirstOrThrow()
  expect(row).toMatchObject({
    state: 'waiting',
    reason: 'nul  here',
    software: 's',
    nips: [1, 11],
    countries: ['DE'],
  })
  expect(row.information).toMatchObject({ name: 'ab \ufffd', needsAuth: true })
  await sink.deliver(
    reported([report(first, { atSeconds: NOW_SECONDS + 2, cursor: { since: 6, until: undefined } })]),
  )
  expect((await directory.all())[0]?.cursor).toEqual({ since: 6, until: undefined })
})

test('two collectors that report the same relays at the same time do not wait for one another for ever', async () => {
  const relays = await learnRelays(database.db)
  const sink = tableSink(database.db)
  const deliveries = Array.from({ length: 60 }, (_, n) =>
    sink.deliver(
      reported(
        (n % 2 === 0 ? relays : relays.toReversed()).map((relay) =>
          report(relay, { atSeconds: NOW_SECONDS + n }),
        ),
      ),
    ),
  )
  expect(await Promise.all(deliveries)).toHaveLength(60)
})

test('the history of a relay has every step of the range, with regions apart and latencies to seven per cent', async () => {
  const [relay = 0] = await learnRelays(database.db)
  const sink = tableSink(database.db)
  const observations = new ObservationBatch()
  const seen = plannedDelivery(0, [relay]).observations.at(0)
  for (const [n, age] of [0, 3_600, 3_600, 86_400, 40 * 86_400].entries())
    observations.add({ ...seen, event: { high: 0, low: n }, createdAt: NOW_SECONDS - age })
  await sink.deliver({
    ...reported([
      report(relay, {
        watchedSeconds: 60,
        connectedSeconds: 45,
        readMs: Array.from({ length: 100 }, (_, n) => n + 1),
      }),
    ]),
    observations,
  })
  await sink.deliver(
    reported(
      [
        report(relay, {
          atSeconds: NOW_SECONDS + 1,
          watchedSeconds: 30,
          connectedSeconds: 30,
          pingMs: [500],
        }),
      ],
      'us',
    ),
  )
  await sink.deliver(
    reported(
      [report(relay, { atSeconds: NOW_SECONDS - 3_600, watchedSeconds: 10, connectedSeconds: 5 })],
      'us',
    ),
  )
  await countAll(3)
  const hours = await relayHistory(database.db, relay, '24h', NOW_SECONDS)
  expect(hours).toHaveLength(24)
  expect(hours.map(({ events }) => events).slice(-3)).toEqual([0, 2, 1])
  expect(hours.at(-1)?.startSeconds).toBe(Math.floor(NOW_SECONDS / 3_600) * 3_600)
  const now = hours.at(-1)!.regions
  expect([...now.keys()]).toEqual(['eu', 'us'])
  expect(now.get('eu')).toMatchObject({ watchedSeconds: 60, connectedSeconds: 45 })
  expect(Math.abs(now.get('eu')!.latencyP50Ms! / 50 - 1)).toBeLessThan(0.08)
  expect(Math.abs(now.get('eu')!.latencyP95Ms! / 95 - 1)).toBeLessThan(0.08)
  expect(hours.at(-2)!.regions.get('us')).toEqual({
    watchedSeconds: 10,
    connectedSeconds: 5,
    latencyP50Ms: undefined,
    latencyP95Ms: undefined,
  })
  const days = await relayHistory(database.db, relay, '90d', NOW_SECONDS)
  expect(days).toHaveLength(90)
  expect(days.reduce((sum, { events }) => sum + events, 0)).toBe(5)
  expect(days.at(-1)?.regions.get('us')).toMatchObject({ watchedSeconds: 40 })
  expect(await relayHistory(database.db, relay, 'all', NOW_SECONDS)).toHaveLength(41)
  expect(await relayHistory(database.db, 99_999, '7d', NOW_SECONDS)).toHaveLength(7)
})

test('the log of a relay has its offences and changes of state by the hour, newest first', async () => {
  const [relay = 0] = await learnRelays(database.db)
  const sink = tableSink(database.db)
  const at = (seconds: number, more: Partial<RelayReport>) =>
    reported([report(relay, { atSeconds: NOW_SECONDS + seconds, ...more })])
  await sink.deliver(at(0, { state: 'live', offences: { flood: 2 } }))
  await sink.deliver(at(1, { state: 'live', offences: { flood: 3, 'forged-id': 1 } }))
  await sink.deliver(at(2, { state: 'waiting', reason: 'it left' }))
  await sink.deliver(at(7_200, { state: 'live', offences: { flood: 0 } }))
  // Each region has a state of its own.
  await sink.deliver(reported([report(relay, { atSeconds: NOW_SECONDS + 7_201, state: 'live' })], 'us'))
  await countAll(5)
  expect(await relayLogs(database.db, relay, 10)).toEqual([
    { atSeconds: NOW_SECONDS + 7_201, level: 'info', what: 'live', count: 2, detail: undefined },
    { atSeconds: NOW_SECONDS + 2, level: 'info', what: 'waiting', count: 1, detail: 'it left' },
    { atSeconds: NOW_SECONDS + 1, level: 'warn', what: 'flood', count: 5, detail: undefined },
    { atSeconds: NOW_SECONDS + 1, level: 'warn', what: 'forged-id', count: 1, detail: undefined },
    { atSeconds: NOW_SECONDS, level: 'info', what: 'live', count: 1, detail: undefined },
  ])
  expect(await relayLogs(database.db, relay, 1)).toHaveLength(1)
  await sink.deliver(at(7_300, { state: 'live' }))
  await countAll(1)
  expect(await relayLogs(database.db, relay, 10)).toHaveLength(5)
})

test('the views say in plain SQL what the tables hold', async () => {
  const relays = await learnRelays(database.db)
  for (let n = 0; n < 10; n++) await tableSink(database.db).deliver(plannedDelivery(n, relays))
  await countAll(10)
  // They are about the last days, of the server's clock.
  const shift = sql`now() - to_timestamp(${NOW_SECONDS})`
  await sql`UPDATE relay_hours SET hour = hour + (${shift})`.execute(database.db)
  await sql`UPDATE relay_logs SET hour = hour + (${shift})`.execute(database.db)
  const { rows: health } = await sql<Record<string, unknown>>`
    SELECT relay, uptime, latency_p50_ms AS p50, offences, (SELECT sum(connected_seconds) / sum(watched_seconds) FROM relay_hours h WHERE h.relay = v.relay) AS wanted,
      (SELECT sum(count)::bigint FROM relay_logs l WHERE l.relay = v.relay AND level = 'warn') AS wanted_offences
    FROM relay_health_summary v ORDER BY relay`.execute(database.db)
  expect(health).toHaveLength(12)
  for (const row of health) {
    expect(row.uptime).toBe(row.wanted)
    expect(row.offences).toBe(row.wanted_offences)
    expect(Math.abs(Number(row.p50) / 11 - 1)).toBeLessThan(0.08)
  }
  const { rows: days } = await sql<Record<string, unknown>>`
    SELECT sum(events)::integer AS events, sum(zaps)::integer AS zaps, sum(zap_msat) AS msat, sum(users)::integer AS users,
      sum(relay_events)::integer AS relay_events, max(relays)::integer AS relays, count(*)::integer - count(DISTINCT day) AS twice,
      (SELECT array[sum(events)::integer, sum(zaps)::integer] FROM network_events) AS network,
      (SELECT sum(zap_msat) FROM network_events) AS network_msat, (SELECT sum(users)::integer FROM active_users) AS all_users,
      (SELECT sum(events)::integer FROM events_aggregated) AS pairs
    FROM daily_network_stats`.execute(database.db)
  const [sums] = days
  expect([sums?.events, sums?.zaps]).toEqual(sums?.network)
  expect(sums).toMatchObject({
    msat: sums?.network_msat,
    users: sums?.all_users,
    relay_events: sums?.pairs,
    relays: 12,
    twice: 0n,
  })
})

test('a snapshot is the same behind a text and behind the database, with every millisatoshi', async () => {
  const relays = await learnRelays(database.db)
  for (let n = 0; n < 5; n++) await tableSink(database.db).deliver(plannedDelivery(n, relays))
  const keeper = await testKeeper(database.db)
  await vi.waitFor(() => expect(keeper.stats().batches).toBe(5), PATIENCE)
  for (const range of RANGES) {
    const plain = keeper.snapshot(range)
    const snapshot = { ...plain, zaps: { ...plain.zaps, msat: 2n ** 70n + 1n } }
    expect(decodeSnapshot(encodeSnapshot(snapshot))).toEqual(snapshot)
    const text = encodeSnapshot(snapshot)
    await sql`INSERT INTO statistics_snapshots VALUES (${range}, to_timestamp(5), ${text}::jsonb)`.execute(
      database.db,
    )
    expect(await latestSnapshot(database.db, range)).toEqual({ snapshot, takenAtSeconds: 5 })
  }
  await keeper.stop()
  expect(() => decodeSnapshot('{"format":99}')).toThrow(RangeError)
  expect(() => decodeSnapshot('{')).toThrow(RangeError)
  await sql`INSERT INTO statistics_snapshots VALUES ('all', to_timestamp(4000000000), '{"format": 99}')`.execute(
    database.db,
  )
  expect(await latestSnapshot(database.db, 'all')).toBeUndefined()
})

test('snapshots thin out with age, and logs, deliveries and what was set aside go', async () => {
  const day = 86_400
  const midnight = Math.floor(NOW_SECONDS / day) * day
  await sql`
    INSERT INTO statistics_snapshots SELECT 'all', to_timestamp(s), '{}' FROM generate_series(${midnight - 40 * day}::bigint, ${midnight}::bigint, 300) s`.execute(
    database.db,
  )
  await sql`
    INSERT INTO relay_logs SELECT 1, to_timestamp(${midnight}::bigint - d * ${day}::bigint), 'flood', 'warn', 1, now() FROM generate_series(0, 40) d`.execute(
    database.db,
  )
  await sql`INSERT INTO observation_deliveries SELECT gen_random_uuid(), now() - make_interval(days => d) FROM generate_series(0, 9) d`.execute(
    database.db,
  )
  await sql`INSERT INTO observation_batches (collector, region, observations, reports, set_aside, delivered_at)
    SELECT 'c', 'eu', '', '[]', 'why', to_timestamp(${midnight}::bigint - d * ${day}::bigint) FROM generate_series(0, 40) d`.execute(
    database.db,
  )
  await tidy(database.db, { keepSnapshotsDays: 30, keepLogsDays: 7 }, midnight)
  const { rows } = await sql<Record<string, number>>`
    SELECT (SELECT count(*) FROM statistics_snapshots WHERE taken_at >= to_timestamp(${midnight - day}))::integer AS recent,
      (SELECT count(*) FROM statistics_snapshots WHERE taken_at < to_timestamp(${midnight - day}))::integer AS older,
      (SELECT count(*) FROM relay_logs)::integer AS logs,
      (SELECT count(*) FROM observation_deliveries)::integer AS deliveries,
      (SELECT count(*) FROM observation_batches)::integer AS aside`.execute(database.db)
  expect(rows[0]).toEqual({ recent: 289, older: 29 * 24, logs: 8, deliveries: 3, aside: 8 })
})

test('a database of the version before, with rows in it, gets the tables of the observatory and keeps its rows', async () => {
  await migrateWithData(
    {
      upTo: 12,
      insert: `UPDATE ilp_leadership_terms SET term = 7; INSERT INTO ilp_address (address, parent) VALUES ('g.a', 'p')`,
    },
    async (client) => {
      const { rows } =
        await client.query(`SELECT (SELECT term FROM ilp_leadership_terms) AS ilp, (SELECT term FROM observatory_leadership_terms) AS own,
        (SELECT count(*)::integer FROM relays) AS relays, (SELECT count(*)::integer FROM relay_health_summary) AS health,
        (SELECT count(*)::integer FROM daily_network_stats) AS days`)
      expect(rows).toEqual([{ ilp: '7', own: '0', relays: 0, health: 0, days: 0 }])
    },
  )
})

test('a share of latencies is the same by the database and by us, and sums of histograms are those of their buckets', async () => {
  const histograms = [[], [0, 0], [5], [0, 3, 0, 1], Array.from({ length: 80 }, (_, n) => (n * 7) % 11)]
  for (const one of histograms) {
    for (const share of [0, 0.5, 0.95, 1]) {
      const { rows } = await sql<{ latency: number | null }>`
        SELECT observatory_latency(${`{${one.join(',')}}`}::integer[], ${share}::float8) AS latency`.execute(
        database.db,
      )
      const ours = latencyAt(one, share)
      if (ours === undefined) expect(rows).toEqual([{ latency: null }])
      else expect(rows[0]?.latency).toBeCloseTo(ours, 9)
    }
    for (const other of histograms) {
      const { rows } = await sql<{ sum: readonly number[] }>`
        SELECT observatory_add_latencies(${`{${one.join(',')}}`}::integer[], ${`{${other.join(',')}}`}::integer[]) AS sum`.execute(
        database.db,
      )
      const length = Math.max(one.length, other.length)
      expect(rows[0]?.sum).toEqual(Array.from({ length }, (_, n) => (one[n] ?? 0) + (other[n] ?? 0)))
    }
  }
})

test('the history of a relay is what single hours say, added up by day', async () => {
  const [relay = 0] = await learnRelays(database.db)
  const today = Math.floor(NOW_SECONDS / 86_400)
  await sql`
    INSERT INTO relay_hours (relay, hour, region, watched_seconds, connected_seconds, latencies)
    SELECT ${relay}::integer, to_timestamp((${today}::integer * 24 - h) * 3600::float8), region, 60, h % 60,
      CASE WHEN h % 24 < 20 THEN array_fill(1 + h % 5, ARRAY[1 + h * 7 % 50]) ELSE '{}' END
    FROM generate_series(1, 30 * 24) h, unnest('{eu,us}'::text[]) region`.execute(database.db)
  const { rows } = await sql<{ start: number; region: string; watched: number; p50: number; p95: number }>`
    SELECT start, region, watched, observatory_latency(latencies, 0.5) AS p50, observatory_latency(latencies, 0.95) AS p95
    FROM (
      SELECT floor(extract(epoch FROM hour) / 86400)::float8 * 86400 AS start, region, sum(watched_seconds) AS watched,
        observatory_sum_latencies(latencies) AS latencies FROM relay_hours GROUP BY 1, 2
    ) days`.execute(database.db)
  const history = await relayHistory(database.db, relay, '90d', NOW_SECONDS)
  const shown = history.flatMap(({ startSeconds, regions }) =>
    [...regions].map(([region, { watchedSeconds, latencyP50Ms, latencyP95Ms }]) => ({
      start: startSeconds,
      region,
      watched: watchedSeconds,
      p50: latencyP50Ms?.toFixed(6),
      p95: latencyP95Ms?.toFixed(6),
    })),
  )
  const wanted = rows.map((row) => ({ ...row, p50: row.p50.toFixed(6), p95: row.p95.toFixed(6) }))
  expect(shown).toHaveLength(60)
  expect(shown).toEqual(expect.arrayContaining(wanted))
})
