import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { Observation } from '../observation.ts'
import { RANGES, SECONDS_PER_DAY } from '../ranges.ts'
import { NOSTR_BEGAN_SECONDS, StatisticsEngine } from '../statistics/index.ts'
import { batchOf, randomNumbers, randomStream } from '../statistics/testing/index.ts'
import {
  makeRawTables,
  plainFigures,
  plainFiguresOf,
  putRawRows,
} from '../statistics/testing/plain-figures.ts'
import { type EngineFactory, type Keeper, readStanding, tableSink } from './index.ts'
import { beginTestTerm, learnRelays, testKeeper } from './testing/index.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 30_000, interval: 5 }
/** Behind the clock of any database, of which what is received is not believed to be from later. */
const BEGIN_SECONDS = Date.UTC(2024, 5, 5, 10) / 1_000
const KEPT_DAYS = 92
const INTERVAL_SECONDS = 300

const engines: EngineFactory = {
  create: () => new StatisticsEngine({ maxFingerprintBytes: 0 }),
  restore: (state, days) => StatisticsEngine.restore(state, days, { maxFingerprintBytes: 0 }),
}

/** What a keeper must do with days, said plainly: which one is the first, and what it is after a restart. */
class PlainFirstDay {
  #day = 0
  #written = 0
  readonly kept: Observation[] = []
  tooOld = 0

  count(observations: readonly Observation[]): void {
    this.#written = this.#day
    for (const one of observations) {
      const isKept = one.createdAt >= this.#day * SECONDS_PER_DAY || one.createdAt < NOSTR_BEGAN_SECONDS
      if (isKept) this.kept.push(one)
      else this.tooOld++
    }
  }

  interval(nowSeconds: number): void {
    this.#day = Math.max(this.#day, Math.floor(nowSeconds / SECONDS_PER_DAY) - KEPT_DAYS)
  }

  restart(): void {
    this.#day = this.#written
  }
}

async function liveThrough(database: Database, seed: number) {
  const random = randomNumbers(seed)
  const clock = createManualClock(BEGIN_SECONDS * 1_000)
  const plain = new PlainFirstDay()
  const open = () =>
    testKeeper(database.db, {
      clock,
      engine: engines,
      settings: { snapshotSeconds: INTERVAL_SECONDS, keepFingerprintsDays: KEPT_DAYS },
    })
  let keeper = await open()
  /** Whole days, so that all of it happens at the same time of the day. */
  const interval = async (days: number) => {
    const { checkpoints } = keeper.stats()
    clock.advanceSeconds(days * SECONDS_PER_DAY + INTERVAL_SECONDS)
    await vi.waitFor(() => expect(keeper.stats().checkpoints).toBeGreaterThan(checkpoints), PATIENCE)
    plain.interval(clock.nowSeconds())
  }
  const stream = randomStream({ seed, observations: 240, nowSeconds: BEGIN_SECONDS })
  for (let batch = 0; stream.length > 0; batch++) {
    const observations = stream.splice(0, 1 + Math.floor(random() * 40))
    const { batches } = keeper.stats()
    await tableSink(database.db).deliver({
      collector: `collector ${batch}`,
      region: 'eu',
      observations: batchOf(observations),
      reports: [],
    })
    await vi.waitFor(() => expect(keeper.stats().batches).toBe(batches + 1), PATIENCE)
    plain.count(observations)
    const what = random()
    if (what < 0.5) await interval(Math.floor(random() * 40))
    if (what > 0.3 && what < 0.7) {
      keeper = await restarted(database, keeper, { isKilled: what < 0.6, open })
      plain.restart()
      // One that had something to count again writes a checkpoint at once.
      await interval(0)
    }
  }
  return { keeper, plain, clock }
}

async function restarted(
  database: Database,
  keeper: Keeper,
  { isKilled, open }: { readonly isKilled: boolean; readonly open: () => Promise<Keeper> },
): Promise<Keeper> {
  if (isKilled) await beginTestTerm(database.db)
  await keeper.stop()
  return open()
}

test('figures are what plain SQL says of the rows that were not too old when they came, with restarts at any point', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 0xffff_ffff }), async (seed) => {
      const database = await testDatabase()
      await learnRelays(database.db)
      await makeRawTables(database.db)
      const { keeper, plain, clock } = await liveThrough(database, seed)
      await putRawRows(database.db, plain.kept)
      for (const range of RANGES) {
        const snapshot = keeper.snapshot(range)
        expect({ range, ...plainFiguresOf(snapshot) }).toEqual({
          range,
          ...(await plainFigures(database.db, range, clock.nowSeconds())),
        })
        expect(snapshot.coverage).toMatchObject({ tooOld: plain.tooOld })
      }
      expect(keeper.stats().tooOld).toBe(plain.tooOld)
      expect((await readStanding(database.db)).tooOldObservations).toBe(plain.tooOld)
      await keeper.stop()
      await database.close()
    }),
    { numRuns: 6 },
  )
})
