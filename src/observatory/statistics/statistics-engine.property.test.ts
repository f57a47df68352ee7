import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import type { Checkpoint } from '../changes.ts'
import type { Observation } from '../observation.ts'
import { ObservationBatch } from '../observation-batch.ts'
import { RANGES, SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../ranges.ts'
import { StatisticsEngine } from './index.ts'
import { batchOf, NOW_SECONDS, randomNumbers, randomStream } from './testing/index.ts'
import { makeRawTables, plainFigures, plainFiguresOf, putRawRows } from './testing/plain-figures.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
  await makeRawTables(database.db)
})
afterAll(() => database.close())

/** What a keeper does around the engine, with a disk that is a map. */
class Keeper {
  engine: StatisticsEngine
  readonly #options: { readonly maxFingerprintBytes: number }
  readonly #disk = new Map<number, Uint8Array[]>()
  #state: Uint8Array
  /** Applied since the checkpoint that is on disk. */
  #journal: ObservationBatch[] = []

  constructor(options: { readonly maxFingerprintBytes: number }) {
    this.#options = options
    this.engine = new StatisticsEngine(options)
    this.#state = this.engine.checkpoint().state
  }

  apply(batch: ObservationBatch): void {
    this.#journal.push(batch)
    this.#applyTo(batch)
  }

  checkpoint(isWritten: boolean): void {
    const taken: Checkpoint = this.engine.checkpoint()
    if (!isWritten) return
    this.#state = taken.state
    for (const [day, part] of taken.fingerprints) this.#disk.set(day, [...(this.#disk.get(day) ?? []), part])
    this.engine.commitCheckpoint()
    this.#journal = []
  }

  crash(): void {
    this.engine = StatisticsEngine.restore(this.#state, [...this.#disk.keys()], this.#options)
    for (const batch of this.#journal) this.#applyTo(batch)
  }

  /** Somebody asks for the figures: the engine may keep something of it, but must not believe it for too long. */
  look(): void {
    for (let relay = 1; relay <= 4; relay++) this.engine.knowRelay({ relay, url: `wss://${relay}.example` })
    for (const range of RANGES) this.engine.snapshot(range, NOW_SECONDS)
  }

  #applyTo(batch: ObservationBatch): void {
    for (const day of this.engine.missingDays(batch)) this.engine.addFingerprints(day, this.#disk.get(day)!)
    this.engine.apply(batch)
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/** Any order, any batches, repeats of whole batches, checkpoints that are written or lost, crashes. */
function liveThrough(observations: readonly Observation[], seed: number): StatisticsEngine {
  const random = randomNumbers(seed)
  const keeper = new Keeper({ maxFingerprintBytes: random() < 0.5 ? 0 : 1e9 })
  const rest = shuffled(observations, random)
  while (rest.length > 0) {
    const batch = batchOf(rest.splice(0, 1 + Math.floor(random() * 40)))
    // As the database and the network carry them.
    keeper.apply(ObservationBatch.decode(batch.encode()))
    const what = random()
    if (what < 0.2) keeper.checkpoint(true)
    else if (what < 0.3) keeper.checkpoint(false)
    else if (what < 0.5) keeper.crash()
    else if (what < 0.7) keeper.look()
  }
  keeper.look()
  return keeper.engine
}

const seeds = fc.integer({ min: 0, max: 0xffff_ffff })
/** The moment of the stream, another hour, day and month after it, and midnight. */
const later = fc.constantFrom(
  0,
  0,
  SECONDS_PER_HOUR,
  SECONDS_PER_DAY,
  40 * SECONDS_PER_DAY,
  SECONDS_PER_DAY - (NOW_SECONDS % SECONDS_PER_DAY),
)
const size = fc.constantFrom(1, 5, 40, 300)

test('every figure of every range is what plain SQL over raw rows says, in any order and with restarts at any point', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, seeds, size, later, async (streamSeed, lifeSeed, observations, afterSeconds) => {
      const stream = randomStream({ seed: streamSeed, observations })
      const engine = liveThrough(stream, lifeSeed)
      await putRawRows(database.db, stream)
      const nowSeconds = NOW_SECONDS + afterSeconds
      for (const range of RANGES) {
        const expected = await plainFigures(database.db, range, nowSeconds)
        expect({ range, ...plainFiguresOf(engine.snapshot(range, nowSeconds)) }).toEqual({
          range,
          ...expected,
        })
      }
    }),
    { numRuns: 60 },
  )
})
