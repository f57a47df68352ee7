import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { Delivery } from '../delivery.ts'
import { ObservationBatch } from '../observation-batch.ts'
import { StatisticsEngine } from '../statistics/index.ts'
import type { Engine, EngineFactory, Keeper } from './index.ts'
import { latestSnapshot, tableSink } from './index.ts'
import {
  beginTestTerm,
  learnRelays,
  NOW_SECONDS,
  plainCount,
  plainEngines,
  plannedDelivery,
  tablesCount,
  testClock,
  testKeeper,
} from './testing/index.ts'

const PATIENCE = { timeout: 30_000, interval: 10 }

let database: Database
let relays: readonly number[]
const open: Keeper[] = []
beforeEach(async () => {
  database = await testDatabase()
  relays = await learnRelays(database.db)
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((keeper) => keeper.stop()))
  await database.close()
})

async function opened(options: Parameters<typeof testKeeper>[1] = {}): Promise<Keeper> {
  const keeper = await testKeeper(database.db, options)
  open.push(keeper)
  return keeper
}

async function deliver(from: number, until: number): Promise<readonly Delivery[]> {
  const deliveries = Array.from({ length: until - from }, (_, n) => plannedDelivery(from + n, relays))
  for (const delivery of deliveries) await tableSink(database.db).deliver(delivery)
  return deliveries
}

/** Waits until nothing waits, and holds tables and engine against the plain count. */
async function expectCounted(keeper: Keeper, deliveries: readonly Delivery[], isPlain = true): Promise<void> {
  await vi.waitFor(async () => expect(await waiting()).toBe(0), PATIENCE)
  await vi.waitFor(() => expect(keeper.stats().state).toBe('keeping'), PATIENCE)
  const { reports, ...wanted } = plainCount(deliveries)
  expect(await tablesCount(database.db)).toEqual(wanted)
  await vi.waitFor(() => expect(keeper.snapshot('all').events).toBe(wanted.events), PATIENCE)
  // The plain engine shows the number of reports as this.
  if (isPlain) expect(keeper.snapshot('all').coverage.relaysWatched).toBe(reports)
}

async function waiting(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*)::integer AS count FROM observation_batches WHERE applied IS NULL AND set_aside IS NULL`.execute(
    database.db,
  )
  return rows[0]?.count ?? -1
}

test('what was delivered is in the tables once, whoever delivers it again', async () => {
  const keeper = await opened()
  const deliveries = await deliver(0, 30)
  await deliver(10, 20)
  await Promise.all([deliver(25, 30), deliver(25, 30)])
  await expectCounted(keeper, deliveries)
})

test('a delivery that is repeated behind a checkpoint, when its batch is gone, changes nothing', async () => {
  const clock = testClock()
  const keeper = await opened({ clock })
  const deliveries = await deliver(0, 10)
  await expectCounted(keeper, deliveries)
  // It is needed until two checkpoints hold it.
  for (const checkpoints of [1, 2]) {
    expect(await batches()).toBe(10)
    clock.advanceSeconds(300)
    await vi.waitFor(() => expect(keeper.stats().checkpoints).toBe(checkpoints), PATIENCE)
  }
  await vi.waitFor(async () => expect(await batches()).toBe(0), PATIENCE)
  await deliver(0, 10)
  expect(await batches()).toBe(0)
  await expectCounted(keeper, deliveries)
})

const engines: Readonly<Record<string, EngineFactory>> = {
  plain: plainEngines,
  real: {
    create: () => new StatisticsEngine(),
    restore: (state, days) => StatisticsEngine.restore(state, days),
  },
}

test.each(Object.keys(engines))(
  'a keeper that is restored at any point counts on where the last one was (%s engine)',
  async (name) => {
    const engine = engines[name]!
    const clock = testClock()
    const deliveries: Delivery[] = []
    for (let round = 0; round < 6; round++) {
      // A delivery that nobody has seen, one that is only in the tables, and one that is in a checkpoint.
      deliveries.push(...(await deliver(round * 10, round * 10 + 3)))
      const keeper = await testKeeper(database.db, { clock, engine })
      await expectCounted(keeper, deliveries, name === 'plain')
      if (round % 2 === 0) {
        clock.advanceSeconds(300)
        await vi.waitFor(() => expect(keeper.stats().checkpoints).toBeGreaterThan(0), PATIENCE)
      }
      deliveries.push(...(await deliver(round * 10 + 3, round * 10 + 6)))
      await expectCounted(keeper, deliveries, name === 'plain')
      if (round % 3 === 0) await keeper.stop()
      else await loseTerm(keeper)
    }
  },
)

test('a number that is committed late is counted when it comes to light', async () => {
  const keeper = await opened()
  // Without reports, whose relays would be locked.
  const late = { ...plannedDelivery(1, relays), reports: [] }
  const early = { ...plannedDelivery(2, relays), reports: [] }
  await database.db.transaction().execute(async (tx) => {
    await tableSink(tx).deliver(late)
    await tableSink(database.db).deliver(early)
    await vi.waitFor(() => expect(keeper.stats().batches).toBe(1), PATIENCE)
  })
  await expectCounted(keeper, [late, early])
})

test('a batch that cannot be read is set aside, and those around it are counted', async () => {
  const keeper = await opened()
  const before = await deliver(0, 3)
  await sql`INSERT INTO observation_batches (collector, region, observations, reports)
    VALUES ('c', 'eu', '\\x0102', '[]'), ('c', 'eu', ${new ObservationBatch().encode()}, '{"not": "reports"}'),
      ('c', 'eu', ${plannedDelivery(9, [99_999]).observations.encode()}, '[]')`.execute(database.db)
  const after = await deliver(3, 6)
  await expectCounted(keeper, [...before, ...after])
  expect(keeper.stats().setAside).toBe(3)
  const rows = await database.db
    .selectFrom('observation_batches')
    .select('set_aside')
    .where('set_aside', 'is not', null)
    .orderBy('seq')
    .execute()
  expect(rows.map(({ set_aside }) => set_aside)).toEqual([
    'not observations of format 1',
    'the reports are none',
    'it is about relays that are not in the table relays',
  ])
})

test('a batch that the engine fails on is set aside, and the engine begins again from what is right', async () => {
  const keeper = await opened({ engine: failingOn(13) })
  const deliveries = [...(await deliver(0, 5))]
  const poison = plannedDelivery(6, relays)
  poison.observations.language[0] = 13
  await tableSink(database.db).deliver(poison)
  deliveries.push(...(await deliver(7, 12)))
  await expectCounted(keeper, deliveries)
  expect(keeper.stats()).toMatchObject({ setAside: 1, restores: 2 })
})

test('a batch whose changes the tables refuse is found among others and set aside', async () => {
  await sql`ALTER TABLE clients ADD CHECK (name <> 'refused')`.execute(database.db)
  const deliveries = Array.from({ length: 3 }, (_, n) => plannedDelivery(n, relays))
  const refusedOne = plannedDelivery(50, relays)
  refusedOne.observations.add({
    ...refusedOne.observations.at(0),
    event: { high: 1, low: 5_000_000 },
    client: 'refused',
  })
  const after = Array.from({ length: 3 }, (_, n) => plannedDelivery(60 + n, relays))
  for (const delivery of [...deliveries, refusedOne, ...after]) await tableSink(database.db).deliver(delivery)
  const keeper = await opened()
  await expectCounted(keeper, [...deliveries, ...after])
  expect(keeper.stats().setAside).toBe(1)
})

test('a keeper whose term is over writes nothing more, and says that it has no figures', async () => {
  const keeper = await opened()
  await expectCounted(keeper, await deliver(0, 3))
  await beginTestTerm(database.db)
  await deliver(3, 6)
  await vi.waitFor(() => expect(keeper.stats().state).toBe('lost'), PATIENCE)
  expect(await waiting()).toBe(3)
  expect(() => keeper.snapshot('24h')).toThrow(expect.objectContaining({ code: 'OBSERVATORY_UNAVAILABLE' }))
})

test('an old leader and a new one at the same time count each batch once', async () => {
  const first = await opened()
  const deliveries = [...(await deliver(0, 20))]
  const second = await opened()
  deliveries.push(...(await deliver(20, 40)))
  await expectCounted(second, deliveries)
  await vi.waitFor(() => expect(first.stats().state).toBe('lost'), PATIENCE)
})

test('listeners hear of each change, and the version is another one then', async () => {
  const keeper = await opened()
  const versions = [keeper.version()]
  const stop = keeper.onChange(() => versions.push(keeper.version()))
  keeper.onChange(() => {
    throw new Error('a listener that fails')
  })
  await expectCounted(keeper, await deliver(0, 2))
  expect(versions.length).toBeGreaterThan(1)
  expect(new Set(versions).size).toBe(versions.length)
  expect(keeper.snapshot('7d')).toBe(keeper.snapshot('7d'))
  stop()
  const before = versions.length
  await deliver(2, 3)
  await vi.waitFor(() => expect(keeper.stats().batches).toBe(3), PATIENCE)
  expect(versions).toHaveLength(before)
})

test('whoever asks whenever the engine is ahead of the tables is shown figures that move', async () => {
  const keeper = await opened()
  const deliveries = [...(await deliver(0, 1))]
  await expectCounted(keeper, deliveries)
  const flushes = [heldFlush()]
  await flushes[0]!.begun
  deliveries.push(...(await deliver(1, 2)))
  await waitersForLocks(1)
  expect(keeper.snapshot('all').events).toBe(plainCount(deliveries.slice(0, 1)).events)
  // In line behind the flush under way, and so before the next one.
  flushes.push(heldFlush())
  await waitersForLocks(2)
  deliveries.push(...(await deliver(2, 3)))
  flushes[0]!.release()
  await flushes[1]!.begun
  await waitersForLocks(1)
  expect(keeper.snapshot('all').events).toBe(plainCount(deliveries.slice(0, 2)).events)
  flushes[1]!.release()
  await expectCounted(keeper, deliveries)
  await Promise.all(flushes.map(({ ended }) => ended))
})

test('each interval writes the snapshots of all ranges, and the standing of each relay', async () => {
  const clock = testClock()
  const keeper = await opened({ clock })
  const deliveries = await deliver(0, 5)
  await expectCounted(keeper, deliveries)
  expect(await latestSnapshot(database.db, '30d')).toBeUndefined()
  clock.advanceSeconds(300)
  await vi.waitFor(async () => expect(await latestSnapshot(database.db, 'all')).toBeDefined(), PATIENCE)
  for (const range of ['24h', '7d', '30d', '90d', 'all'] as const) {
    const taken = await latestSnapshot(database.db, range)
    expect(taken?.takenAtSeconds).toBe(NOW_SECONDS + 300)
    expect(taken?.snapshot).toEqual(keeper.snapshot(range))
  }
  const [first] = await database.db.selectFrom('relays').selectAll().orderBy('id').execute()
  expect(first).toMatchObject({ uptime: 0.75, health_score: 80, latency_p50_ms: null, latency_p95_ms: 12.5 })
  expect(Number(first?.events_24h)).toBe(keeper.snapshot('24h').relays[0]?.events)
})

test('fingerprints of a day that many checkpoints have added to become one part, and are still known', async () => {
  const clock = testClock()
  const keeper = await testKeeper(database.db, { clock })
  const deliveries: Delivery[] = []
  for (let n = 0; n < 30; n++) {
    deliveries.push(...(await deliver(n, n + 1)))
    await vi.waitFor(() => expect(keeper.stats().batches).toBe(n + 1), PATIENCE)
    clock.advanceSeconds(300)
    await vi.waitFor(() => expect(keeper.stats().checkpoints).toBe(n + 1), PATIENCE)
  }
  const { rows } = await sql<{ most: number }>`
    SELECT max(parts)::integer AS most FROM (SELECT count(*) AS parts FROM observatory_fingerprints GROUP BY day) d`.execute(
    database.db,
  )
  expect(rows[0]?.most).toBeLessThan(24)
  await keeper.stop()
  const next = await opened({ clock })
  // The same observations by other collectors: every one is known, and their reports are new.
  const again = deliveries.map((delivery) => ({ ...delivery, collector: 'another' }))
  for (const delivery of again) await tableSink(database.db).deliver(delivery)
  await expectCounted(next, [...deliveries, ...again])
})

async function batches(): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`SELECT count(*)::integer AS count FROM observation_batches`.execute(database.db)
  return rows[0]?.count ?? -1
}

/** While it is held, no transaction of the keeper comes to its end. */
function heldFlush() {
  const begun = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const ended = database.db.transaction().execute(async (tx) => {
    await sql`LOCK TABLE events_aggregated IN SHARE MODE`.execute(tx)
    begun.resolve()
    await released.promise
  })
  return { begun: begun.promise, release: released.resolve, ended }
}

async function waitersForLocks(count: number): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql<{ count: number }>`
      SELECT count(*)::integer AS count FROM pg_locks
      WHERE NOT granted AND relation = 'events_aggregated'::regclass`.execute(database.db)
    expect(rows[0]?.count).toBe(count)
  }, PATIENCE)
}

/** As when another process has taken the lead: no last checkpoint is written. */
async function loseTerm(keeper: Keeper): Promise<void> {
  await beginTestTerm(database.db)
  await keeper.stop()
}

/** Of which an observation with this language kills `apply`, half-way. */
function failingOn(language: number): EngineFactory {
  const failing = (engine: Engine): Engine => ({
    knowRelay: (known) => engine.knowRelay(known),
    missingDays: (batch) => engine.missingDays(batch),
    addFingerprints: (day, parts) => engine.addFingerprints(day, parts),
    apply: (batch) => {
      const changes = engine.apply(batch)
      for (let row = 0; row < batch.count; row++)
        if (batch.language[row] === language) throw new Error('cannot')
      return changes
    },
    report: (reports, region) => engine.report(reports, region),
    snapshot: (range, nowSeconds) => engine.snapshot(range, nowSeconds),
    checkpoint: () => engine.checkpoint(),
    commitCheckpoint: () => engine.commitCheckpoint(),
  })
  return {
    create: () => failing(plainEngines.create()),
    restore: (state, days) => failing(plainEngines.restore(state, days)),
  }
}

test('a keeper that stops leaves the figures for those who have nothing else to show', async () => {
  const keeper = await opened()
  const deliveries = await deliver(0, 10)
  await expectCounted(keeper, deliveries)
  const { events } = keeper.snapshot('all')
  await keeper.stop()
  expect((await latestSnapshot(database.db, 'all'))?.snapshot.events).toBe(events)
})

test('a collector whose clock is days ahead cannot make events of tomorrow count', async () => {
  const engines: EngineFactory = {
    create: () => new StatisticsEngine(),
    restore: (state, days) => StatisticsEngine.restore(state, days),
  }
  const keeper = await opened({ engine: engines })
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const observations = new ObservationBatch()
  for (const [low, aheadSeconds] of [0, 86_400, 30 * 86_400].entries()) {
    observations.add({
      relay: relays[0]!,
      event: { high: 1, low },
      author: { high: 2, low },
      kind: 1,
      createdAt: nowSeconds + aheadSeconds,
      seenAt: nowSeconds + aheadSeconds,
      client: undefined,
      zapMsat: 0n,
      isZapSignerChecked: false,
      language: 0,
    })
  }
  await tableSink(database.db).deliver({ collector: 'ahead', region: 'eu', observations, reports: [] })
  await vi.waitFor(() => {
    expect(keeper.snapshot('all')).toMatchObject({ events: 1, coverage: { futureDated: 2 } })
  }, PATIENCE)
})

test('fingerprints of days that are not counted any more go when no checkpoint needs them, and what comes late is counted apart', async () => {
  const clock = testClock()
  const keeper = await opened({ clock, settings: { keepFingerprintsDays: 100 } })
  await expectCounted(keeper, await deliver(0, 10))
  const oldDays = async () => {
    const { rows } = await sql<{ days: number }>`
      SELECT count(DISTINCT day)::integer AS days FROM observatory_fingerprints
      WHERE day < DATE '1970-01-01' + ${Math.floor(NOW_SECONDS / 86_400) - 100}::integer`.execute(database.db)
    return rows[0]?.days ?? -1
  }
  const seen: number[] = []
  for (let checkpoint = 1; checkpoint <= 4; checkpoint++) {
    clock.advanceSeconds(300)
    await vi.waitFor(() => expect(keeper.stats().checkpoints).toBe(checkpoint), PATIENCE)
    const { batches: before } = keeper.stats()
    await deliver(20 + checkpoint, 21 + checkpoint)
    await vi.waitFor(() => expect(keeper.stats().batches).toBe(before + 1), PATIENCE)
    seen.push(await oldDays())
  }
  // The first day holds from the second batch on; two checkpoints later a restart cannot come from before it.
  expect(seen[0]).toBeGreaterThan(0)
  expect(seen.at(-1)).toBe(0)
  const { tooOld } = keeper.stats()
  expect(tooOld).toBeGreaterThan(0)
  const before = await tablesCount(database.db)
  await tableSink(database.db).deliver({ ...plannedDelivery(3, relays), collector: 'another', reports: [] })
  await vi.waitFor(() => expect(keeper.stats().tooOld).toBeGreaterThan(tooOld), PATIENCE)
  expect(await tablesCount(database.db)).toEqual(before)
})

test('a keeper folds hours of long ago between deliveries, and what comes late for them is in the row of the day', async () => {
  const clock = testClock()
  const keeper = await opened({ clock, settings: { keepHoursDays: 100 } })
  const deliveries = [...(await deliver(0, 6))]
  await expectCounted(keeper, deliveries)
  const firstHourly = (Math.floor(NOW_SECONDS / 86_400) - 100) * 24
  const oldHours = async () => {
    const { rows } = await sql<{ count: number }>`
      SELECT count(*)::integer AS count FROM events_aggregated
      WHERE hour < to_timestamp(${firstHourly * 3_600}) AND extract(hour FROM hour AT TIME ZONE 'UTC') <> 0`.execute(
      database.db,
    )
    return rows[0]?.count
  }
  expect(await oldHours()).toBeGreaterThan(0)
  clock.advanceSeconds(300)
  await vi.waitFor(async () => expect(await oldHours()).toBe(0), PATIENCE)
  deliveries.push(...(await deliver(6, 12)))
  await vi.waitFor(() => expect(keeper.stats().batches).toBe(12), PATIENCE)
  expect(await oldHours()).toBe(0)
  const wanted = new Map<string, number>()
  for (const [key, events] of plainCount(deliveries).relayEvents) {
    const [relay, hour = 0, kind] = key.split(' ').map(Number)
    const row = `${relay} ${hour < firstHourly ? hour - (hour % 24) : hour} ${kind}`
    wanted.set(row, (wanted.get(row) ?? 0) + events)
  }
  expect((await tablesCount(database.db)).relayEvents).toEqual(wanted)
})
