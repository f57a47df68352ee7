import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RANGES, SECONDS_PER_HOUR } from '../ranges.ts'
import { KeyedCounters } from './keyed-counters.ts'
import { NOW_SECONDS } from './testing/index.ts'
import { dayOfHour, type Window, windowOf } from './window.ts'

const NOW_HOUR = Math.floor(NOW_SECONDS / SECONDS_PER_HOUR)
const range = fc.constantFrom(...RANGES)
const addition = fc.record({
  key: fc.integer({ min: 0, max: 5 }),
  amount: fc.integer({ min: 1, max: 3 }),
  hoursBack: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 100 * 24 })),
  /** Of which the figures are asked for after it, so many hours later. */
  asked: fc.option(fc.record({ range, hoursLater: fc.constantFrom(0, 0, 1, 24) })),
})

interface Added {
  readonly key: number
  readonly amount: number
  readonly hour: number
}

function plainSums(added: readonly Added[], window: Window): Map<number, number> {
  const sums = new Map<number, number>()
  for (const { key, amount, hour } of added) {
    const isWithin = window.unit === 'all' || (window.unit === 'hour' ? hour : dayOfHour(hour)) >= window.from
    if (isWithin) sums.set(key, (sums.get(key) ?? 0) + amount)
  }
  return sums
}

test('what is within a range is what was added to it, whenever it is asked for and whatever comes afterwards', () => {
  fc.assert(
    fc.property(fc.array(addition, { maxLength: 60 }), (additions) => {
      const counters = new KeyedCounters({ left: 6 })
      const added: Added[] = []
      let nowHour = NOW_HOUR
      for (const { key, amount, hoursBack, asked } of additions) {
        const hour = nowHour - hoursBack
        counters.add(key, amount, { hour, seenHour: nowHour })
        added.push({ key, amount, hour })
        if (asked === null) continue
        nowHour += asked.hoursLater
        const window = windowOf(asked.range, nowHour * SECONDS_PER_HOUR)
        const found = counters.within(window).map(({ key, count }) => [key, count] as const)
        expect(new Map(found)).toEqual(plainSums(added, window))
        expect(found).toEqual(found.toSorted((a, b) => b[1] - a[1] || a[0] - b[0]))
      }
    }),
  )
})
