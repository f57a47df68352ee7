import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDurations, DURATION_BOUNDS_SECONDS, noteDuration } from './durations.ts'

test('each duration is counted once, at the first bound that is not shorter', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 60_000, noNaN: true })), (tookMs) => {
      const durations = createDurations()
      for (const ms of tookMs) noteDuration(durations, ms)
      const bounds = [...DURATION_BOUNDS_SECONDS, Number.POSITIVE_INFINITY]
      const expected = bounds.map((bound, place) => {
        const before = bounds[place - 1] ?? Number.NEGATIVE_INFINITY
        return tookMs.filter((ms) => ms / 1_000 > before && ms / 1_000 <= bound).length
      })
      expect(durations.counts).toEqual(expected)
    }),
  )
})

test('the sum is in seconds', () => {
  const durations = createDurations()
  for (const ms of [500, 250, 1_000]) noteDuration(durations, ms)
  expect(durations.sumSeconds).toBeCloseTo(1.75)
})
