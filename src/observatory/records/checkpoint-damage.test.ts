import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { Delivery } from '../delivery.ts'
import { RANGES } from '../ranges.ts'
import { StatisticsEngine } from '../statistics/index.ts'
import { beginStatisticsAnew, type EngineFactory, type Keeper, readStanding, tableSink } from './index.ts'
import {
  beginTestTerm,
  learnRelays,
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
let clock: ReturnType<typeof testClock>
beforeEach(async () => {
  database = await testDatabase()
  relays = await learnRelays(database.db)
  clock = testClock()
})
afterEach(() => database.close())

const realEngines: EngineFactory = {
  create: () => new StatisticsEngine(),
  restore: (state, days) => StatisticsEngine.restore(state, days),
}

async function deliver(from: number, until: number, collector?: string): Promise<readonly Delivery[]> {
  const deliveries = Array.from({ length: until - from }, (_, n) => {
    const planned = plannedDelivery(from + n, relays)
    return collector === undefined ? planned : { ...planned, collector }
  })
  for (const delivery of deliveries) await tableSink(database.db).deliver(delivery)
  return deliveries
}

async function counted(keeper: Keeper, batches: number): Promise<void> {
  await vi.waitFor(() => expect(keeper.stats().batches).toBe(batches), PATIENCE)
}

async function nextCheckpoint(keeper: Keeper): Promise<void> {
  const { checkpoints } = keeper.stats()
  clock.advanceSeconds(300)
  await vi.waitFor(() => expect(keeper.stats().checkpoints).toBeGreaterThan(checkpoints), PATIENCE)
}

/** Batches behind the newest checkpoint, between it and the one before, and in both. As if killed at the end. */
async function lived(engine: EngineFactory, checkpoints = 3): Promise<readonly Delivery[]> {
  const keeper = await testKeeper(database.db, { clock, engine })
  const deliveries: Delivery[] = []
  for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
    deliveries.push(...(await deliver(checkpoint, checkpoint + 1)))
    await counted(keeper, deliveries.length)
    await nextCheckpoint(keeper)
  }
  deliveries.push(...(await deliver(checkpoints, 28)))
  await counted(keeper, deliveries.length)
  await beginTestTerm(database.db)
  await keeper.stop()
  return deliveries
}

const NEWEST = sql`(SELECT max(number) FROM observatory_checkpoints)`

/** What may happen to the newest checkpoint. */
const DAMAGE = {
  'a byte is another one': () =>
    sql`UPDATE observatory_checkpoints SET body = set_byte(body, octet_length(body) / 2, get_byte(body, octet_length(body) / 2) # 255)
      WHERE number = ${NEWEST}`,
  'another version wrote it': () =>
    sql`UPDATE observatory_checkpoints SET body = set_byte(body, 4, 99), digest = NULL WHERE number = ${NEWEST}`,
  'its end is missing': () =>
    sql`UPDATE observatory_checkpoints SET body = substr(body, 1, octet_length(body) - 9), digest = NULL WHERE number = ${NEWEST}`,
  'a piece is missing': () =>
    sql`UPDATE observatory_checkpoints SET chunks = chunks + 1 WHERE number = ${NEWEST}`,
}

for (const [what, damage] of Object.entries(DAMAGE)) {
  test(`when ${what}, the figures are those of the checkpoint before and of all that was applied since`, async () => {
    await lived(realEngines)
    const whole = await testKeeper(database.db, { clock, engine: realEngines })
    const figures = RANGES.map((range) => whole.snapshot(range))
    await beginTestTerm(database.db)
    await whole.stop()
    await damage().execute(database.db)

    const keeper = await testKeeper(database.db, { clock, engine: realEngines })
    expect(RANGES.map((range) => keeper.snapshot(range))).toEqual(figures)
    expect(keeper.stats()).toMatchObject({ damage: undefined, state: 'keeping' })
    expect(await readStanding(database.db)).toMatchObject({
      checkpointSetAsideAtSeconds: expect.any(Number),
      unreadableState: undefined,
    })
    await keeper.stop()
  })
}

const beginAnew = () => database.db.transaction().execute(beginStatisticsAnew)

test('behind a damaged checkpoint everything is still known, and the next checkpoints hold', async () => {
  // So many that fingerprints of older checkpoints are merged by then.
  const deliveries = [...(await lived(plainEngines, 26))]
  await DAMAGE['a byte is another one']().execute(database.db)
  const keeper = await testKeeper(database.db, { clock })
  deliveries.push(...(await deliver(0, 28, 'another')), ...(await deliver(28, 30)))
  await counted(keeper, 30)
  const { reports, ...wanted } = plainCount(deliveries)
  expect(await tablesCount(database.db)).toEqual(wanted)
  expect(keeper.snapshot('all').events).toBe(wanted.events)
  await nextCheckpoint(keeper)
  await nextCheckpoint(keeper)
  await beginTestTerm(database.db)
  await keeper.stop()
  // Damaged once more: numbers of checkpoints are never given twice, so that fingerprints are still those of their own.
  await DAMAGE['its end is missing']().execute(database.db)
  const next = await testKeeper(database.db, { clock })
  deliveries.push(...(await deliver(0, 30, 'a third')))
  await counted(next, 30)
  expect(await tablesCount(database.db)).toEqual({
    ...wanted,
    ...(({ watchedSeconds, offences }) => ({ watchedSeconds, offences }))(plainCount(deliveries)),
  })
  expect(next.snapshot('all').events).toBe(wanted.events)
  expect(next.snapshot('all').coverage.relaysWatched).toBe(plainCount(deliveries).reports)
  expect(reports).toBeGreaterThan(0)
  await next.stop()
})

test('when no checkpoint can be read the keeper says so and waits, and an operator may have it begin anew', async () => {
  const deliveries = [...(await lived(plainEngines))]
  expect(await beginAnew()).toBe(false)
  await sql`UPDATE observatory_checkpoints SET body = 'no state'`.execute(database.db)
  const waiting = await testKeeper(database.db, { clock })
  await vi.waitFor(() => expect(waiting.stats().failures).toBe(1), PATIENCE)
  expect(waiting.stats()).toMatchObject({ state: 'restoring', damage: expect.stringContaining('checkpoint') })
  expect(() => waiting.snapshot('all')).toThrow(expect.objectContaining({ code: 'OBSERVATORY_UNAVAILABLE' }))
  expect((await readStanding(database.db)).unreadableState).toBe(waiting.stats().damage)
  // Deliveries wait in their table, and do not make it try again.
  deliveries.push(...(await deliver(28, 32)))
  for (let look = 0; look < 20; look++) {
    waiting.look()
    expect((await readStanding(database.db)).waitingBatches).toBe(4)
  }
  expect(waiting.stats().failures).toBe(1)
  await waiting.stop()

  expect(await beginAnew()).toBe(true)
  expect(await beginAnew()).toBe(false)
  const keeper = await testKeeper(database.db, { clock })
  await counted(keeper, 4)
  deliveries.push(...(await deliver(0, 32, 'another')))
  await counted(keeper, 36)
  // History has everything once; the figures have what was new.
  const { reports, users, ...wanted } = plainCount(deliveries)
  expect(await tablesCount(database.db)).toMatchObject(wanted)
  expect(keeper.snapshot('all').events).toBeLessThan(wanted.events)
  expect(keeper.snapshot('all').events).toBeGreaterThan(0)
  expect([reports, users.size].every((count) => count > 0)).toBe(true)
  await nextCheckpoint(keeper)
  await keeper.stop()
  const next = await testKeeper(database.db, { clock })
  expect(next.snapshot('all').events).toBeGreaterThan(0)
  await next.stop()
})
