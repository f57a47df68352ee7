import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RANGES, SECONDS_PER_HOUR } from '../ranges.ts'
import { LATENCY_STEPS, LatencyHistogram, latencyStep } from './latency-histogram.ts'
import { encodeState, StateReader } from './state-bytes.ts'
import { NOW_SECONDS } from './testing/index.ts'
import { dayOfHour, type Window, windowOf } from './window.ts'

const NOW_HOUR = Math.floor(NOW_SECONDS / SECONDS_PER_HOUR)

const measurement = fc.record({
  ms: fc.oneof(fc.integer({ min: 20, max: 60 }), fc.double({ min: 0, max: 1e6, noNaN: true })),
  hoursBack: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 100 * 24 })),
  hoursLater: fc.constantFrom(0, 0, 0, 1, 30, 24 * 40),
  isAsked: fc.boolean(),
})

interface Measured {
  readonly hour: number
  readonly ms: number
}

function plainSteps(measured: readonly Measured[], window: Window): number[] {
  const counts = Array.from({ length: LATENCY_STEPS }, () => 0)
  for (const { hour, ms } of measured) {
    const isWithin = window.unit === 'all' || (window.unit === 'hour' ? hour : dayOfHour(hour)) >= window.from
    if (isWithin) counts[latencyStep(ms)]! += 1
  }
  return counts
}

test('latencies are counted in the ranges that they were measured in, before and after a restart', () => {
  fc.assert(
    fc.property(fc.array(measurement, { maxLength: 80 }), (measurements) => {
      const histogram = new LatencyHistogram()
      const measured: Measured[] = []
      let nowHour = NOW_HOUR
      const check = (one: LatencyHistogram) => {
        for (const range of RANGES) {
          const window = windowOf(range, nowHour * SECONDS_PER_HOUR)
          expect({ range, steps: [...one.within(window)] }).toEqual({
            range,
            steps: plainSteps(measured, window),
          })
        }
      }
      for (const { ms, hoursBack, hoursLater, isAsked } of measurements) {
        nowHour += hoursLater
        histogram.add(nowHour - hoursBack, ms)
        measured.push({ hour: nowHour - hoursBack, ms })
        if (isAsked) check(histogram)
      }
      check(histogram)
      const bytes = encodeState((writer) => {
        histogram.write(writer)
        return []
      })
      check(LatencyHistogram.read(new StateReader(bytes)))
    }),
    { numRuns: 60 },
  )
})

test('a step of an hour counts up to 65,535 measurements, and no further', () => {
  const histogram = new LatencyHistogram()
  for (let n = 0; n < 65_540; n++) histogram.add(NOW_HOUR, 50)
  const steps = histogram.within(windowOf('24h', NOW_SECONDS))
  expect(steps[latencyStep(50)]).toBe(65_535)
  expect(steps.reduce((sum, count) => sum + count, 0)).toBe(65_535)
})
