import { expect, test } from 'vitest'
import { createCounters, sumStats } from './counters.ts'

const gauges = { connections: 1, subscriptions: 2, unansweredEvents: 3, runningQueries: 4 }

test('what threads counted adds up, inside records too', () => {
  const first = { ...createCounters(), ...gauges, served: 5 }
  first.messages.REQ = 7
  const second = { ...createCounters(), ...gauges, served: 6 }
  second.messages.REQ = 1
  second.events.stored = 9
  const sum = sumStats([first, second])
  expect(sum).toMatchObject({ connections: 2, runningQueries: 8, served: 11 })
  expect(sum.messages).toMatchObject({ REQ: 8, EVENT: 0 })
  expect(sum.events.stored).toBe(9)
  expect(first.messages.REQ).toBe(7)
})

test('the sum of nothing is zero', () => {
  expect(sumStats([])).toMatchObject({ connections: 0, delivered: 0 })
})
