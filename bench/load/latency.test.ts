import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram } from './latency.ts'

test('a percentile is never below the exact one and at most 3.2 % (or 1 µs) above', () => {
  const share = fc.constantFrom(0.5, 0.9, 0.99, 1)
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3_599_000_000 }), { minLength: 1, maxLength: 200 }),
      share,
      (micros, at) => {
        const histogram = new LatencyHistogram()
        for (const value of micros) histogram.record(value / 1000)
        const exact = micros.toSorted((a, b) => a - b)[Math.ceil(micros.length * at) - 1]!
        const found = histogram.percentileMs(at) * 1000
        expect(found).toBeGreaterThanOrEqual(exact - 0.01)
        expect(found).toBeLessThanOrEqual(exact * 1.032 + 1)
      },
    ),
  )
})

test('a histogram without durations says zero', () => {
  expect(new LatencyHistogram().percentileMs(0.99)).toBe(0)
})
