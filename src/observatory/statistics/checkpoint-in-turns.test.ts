import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../changes.ts'
import { ObservationBatch } from '../observation-batch.ts'
import { RANGES } from '../ranges.ts'
import { StatisticsEngine } from './index.ts'
import { batchOf, NOW_SECONDS, observation, randomStream } from './testing/index.ts'

const AUTHORS = 100_000
const RELAYS = 20

function filledEngine(): StatisticsEngine {
  const engine = new StatisticsEngine()
  const batch = new ObservationBatch(AUTHORS)
  for (let relay = 1; relay <= RELAYS; relay++) engine.knowRelay({ relay, url: `wss://r${relay}.example` })
  for (let n = 1; n <= AUTHORS; n++)
    batch.add(observation({ event: n, author: n, relay: 1 + (n % RELAYS), createdAt: NOW_SECONDS - n }))
  engine.apply(batch)
  engine.apply(batchOf(randomStream({ seed: 1, observations: 500 })))
  return engine
}

/** By day; as numbers, which are quicker to compare than megabytes. */
function sizesOf({ fingerprints }: Checkpoint): readonly (readonly [number, number, number])[] {
  return [...fingerprints].map(([day, bytes]) => [day, bytes.length, crc32(bytes)])
}

test('a checkpoint that is made in turns is the same, byte by byte, and nobody waits for much of it', async () => {
  const engine = filledEngine()
  let turns = 0
  const snapshots = new Set<string>()
  const inTurns = await engine.checkpointInTurns(() => {
    turns += 1
    if (turns % 5 !== 0) return undefined
    // Somebody asks for figures meanwhile.
    snapshots.add(String(engine.snapshot('7d', NOW_SECONDS).events))
    return Promise.resolve()
  })
  const atOnce = engine.checkpoint()
  expect(Buffer.from(inTurns.state).equals(Buffer.from(atOnce.state))).toBe(true)
  expect(sizesOf(inTurns)).toEqual(sizesOf(atOnce))
  // Both times that it goes through all: relays, days, and users by the ten thousands.
  expect(turns).toBeGreaterThan(2 * RELAYS + 2 * (AUTHORS / 20_000))
  expect(snapshots.size).toBe(1)
  engine.commitCheckpoint()
  expect(engine.checkpoint().fingerprints.size).toBe(0)
  const days = [...inTurns.fingerprints.keys()]
  const restored = StatisticsEngine.restore(inTurns.state, days)
  for (const range of RANGES)
    expect(restored.snapshot(range, NOW_SECONDS)).toEqual(engine.snapshot(range, NOW_SECONDS))
})

test('a checkpoint that was given up half-way leaves nothing out of the next one', async () => {
  const engine = filledEngine()
  const whole = sizesOf(engine.checkpoint())
  let turns = 0
  const givenUp = engine.checkpointInTurns(() => {
    turns += 1
    return turns < 70 ? undefined : Promise.reject(new Error('the program stops'))
  })
  await expect(givenUp).rejects.toThrow('the program stops')
  expect(sizesOf(engine.checkpoint())).toEqual(whole)
})
