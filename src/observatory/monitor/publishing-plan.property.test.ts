import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PublishingPlan } from './publishing-plan.ts'

const urls = fc.uniqueArray(
  fc.nat(10_000).map((n) => `wss://r${n}.example.com`),
  { minLength: 1, maxLength: 30 },
)

test('whenever it is asked, each relay is due once in an interval and never twice', () => {
  fc.assert(
    fc.property(
      urls,
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 60 }),
      (relays, steps) => {
        const plan = new PublishingPlan(600)
        let now = 1_800_000_000
        plan.due(relays, now)
        const start = now
        const times = new Map(relays.map((url): [string, number] => [url, 0]))
        for (const step of steps) {
          now += step
          for (const url of plan.due(relays, now)) {
            plan.published(url, now)
            times.set(url, times.get(url)! + 1)
          }
          expect(plan.due(relays, now)).toEqual([])
        }
        // Moments are looked at up to a step late, and never early.
        const intervals = Math.floor((now - start) / 600)
        for (const count of times.values()) {
          expect(count).toBeGreaterThanOrEqual(intervals)
          expect(count).toBeLessThanOrEqual(intervals + 1)
        }
      },
    ),
  )
})

test('a thousand relays come one by one: no second has many of them', () => {
  const relays = Array.from({ length: 1_000 }, (_, n) => `wss://r${n}.example.com`)
  const plan = new PublishingPlan(3_600)
  const start = 1_800_000_000
  plan.due(relays, start)
  const perMinute = Array.from({ length: 60 }, (_, minute) => {
    const due = plan.due(relays, start + (minute + 1) * 60)
    for (const url of due) plan.published(url, start + (minute + 1) * 60)
    return due.length
  })
  expect(perMinute.reduce((sum, count) => sum + count, 0)).toBe(1_000)
  expect(Math.max(...perMinute)).toBeLessThan(40)
})
