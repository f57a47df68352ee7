import { expect, test } from 'vitest'
import { noteDuration } from '../kernel/index.ts'
import { createCounters, createGauges, REFUSAL_PREFIXES, refusalPrefixOf, sumStats } from './counters.ts'

const gauges = { ...createGauges(), connections: 1, subscriptions: 2, unansweredEvents: 3, runningQueries: 4 }

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

test('what only one thread has met is in the sum, as a copy', () => {
  const count = { passed: 1, refused: 2, pretended: 0, held: 0 }
  const first = { ...createCounters(), ...gauges, policies: { plugin: count } }
  const second = { ...createCounters(), ...gauges, policies: { plugin: { ...count }, hook: { ...count } } }
  const sum = sumStats([first, second])
  expect(sum.policies).toEqual({ plugin: { ...count, passed: 2, refused: 4 }, hook: count })
  expect(first.policies).toEqual({ plugin: { passed: 1, refused: 2, pretended: 0, held: 0 } })
  expect(second.policies.hook).not.toBe(sum.policies.hook)
})

test('durations add up bucket by bucket', () => {
  const first = { ...createCounters(), ...gauges }
  const second = { ...createCounters(), ...gauges }
  noteDuration(first.storing, 0.1)
  noteDuration(second.storing, 0.1)
  noteDuration(second.storing, 100_000)
  const { counts, sumSeconds } = sumStats([first, second]).storing
  expect([counts[0], counts.at(-1)]).toEqual([2, 1])
  expect(sumSeconds).toBeCloseTo(100.0002)
})

test('a refusal counts under its standard prefix, and whatever a plugin says under a bounded one', () => {
  expect(refusalPrefixOf('rate-limited: slow down')).toBe('rate-limited')
  for (const text of ['', 'no colon', 'made-up: by somebody', ': nothing before it']) {
    expect(refusalPrefixOf(text)).toBe('other')
  }
  expect(Object.keys(createCounters().refusals)).toEqual([...REFUSAL_PREFIXES])
})
