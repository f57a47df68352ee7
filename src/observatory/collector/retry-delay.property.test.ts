import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  FIRST_RETRY_MS,
  MAX_GOOD_RETRY_MS,
  MAX_RETRY_MS,
  REFUSED_RETRY_MS,
  retryDelayMs,
} from './retry-delay.ts'

const facts = fc.record({
  failures: fc.integer({ min: 1, max: 1_000_000 }),
  wasGood: fc.boolean(),
  isRefused: fc.boolean(),
  random: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('the delay is never less than four fifths of the first one, and never more than a day', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const delay = retryDelayMs(given)
      expect(delay).toBeGreaterThanOrEqual(FIRST_RETRY_MS * 0.8)
      expect(delay).toBeLessThanOrEqual(MAX_RETRY_MS)
      if (given.wasGood && !given.isRefused) expect(delay).toBeLessThanOrEqual(MAX_GOOD_RETRY_MS)
      if (given.isRefused) expect(delay).toBeGreaterThanOrEqual(REFUSED_RETRY_MS * 0.8)
    }),
  )
})

test('with the same luck a further failure never shortens it', () => {
  fc.assert(
    fc.property(facts, (given) => {
      expect(retryDelayMs({ ...given, failures: given.failures + 1 })).toBeGreaterThanOrEqual(
        retryDelayMs(given),
      )
    }),
  )
})

test('it is 30 s, doubled each time, until a day is reached', () => {
  const seconds = (failures: number) =>
    retryDelayMs({ failures, wasGood: false, isRefused: false, random: 0.5 }) / 1_000
  expect([1, 2, 3, 4].map(seconds)).toEqual([30, 60, 120, 240])
  expect(seconds(13)).toBe(86_400)
})
