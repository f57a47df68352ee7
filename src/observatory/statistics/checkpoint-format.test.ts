import { expect, test } from 'vitest'
import { RANGES, SECONDS_PER_DAY } from '../ranges.ts'
import { StatisticsEngine } from './index.ts'
import { checkpointOfFormat1, fillFormat1 } from './testing/checkpoint-of-format-1.ts'
import { NOW_SECONDS } from './testing/index.ts'

test('a checkpoint of the first format is read, with every figure of every range, and written again whole', () => {
  const counted = new StatisticsEngine()
  fillFormat1(counted)
  const restored = StatisticsEngine.restore(checkpointOfFormat1(), [])
  const restoredAgain = StatisticsEngine.restore(restored.checkpoint().state, [])
  for (const range of RANGES) {
    for (const nowSeconds of [NOW_SECONDS, NOW_SECONDS + SECONDS_PER_DAY]) {
      const wanted = counted.snapshot(range, nowSeconds)
      expect(restored.snapshot(range, nowSeconds)).toEqual(wanted)
      expect(restoredAgain.snapshot(range, nowSeconds)).toEqual(wanted)
    }
  }
  expect(restored.stats()).toMatchObject({ relays: 5, users: counted.stats().users })
  expect(counted.stats().users).toBeGreaterThan(0)
})
