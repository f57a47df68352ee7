import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Filter } from './filter.ts'
import { matchesAnyFilter, matchesFilter } from './match-filter.ts'
import { ALICE, anyEvent, BOB, testEvent } from './testing.ts'

const event = testEvent({
  kind: 7,
  created_at: 100,
  tags: [['t', 'a', 'b'], ['t'], ['E', 'x'], ['t', 'c']],
})

const matching: Filter[] = [
  {},
  { ids: [event.id, BOB] },
  { authors: [BOB, ALICE] },
  { kinds: [1, 7] },
  { since: 100 },
  { until: 100 },
  { since: 100, until: 100 },
  { tags: [{ name: 't', values: ['a'] }] },
  { tags: [{ name: 't', values: ['z', 'c'] }] },
  {
    tags: [
      { name: 't', values: ['c'] },
      { name: 'E', values: ['x'] },
    ],
  },
  { limit: 0 },
]

const missing: Filter[] = [
  { ids: [BOB] },
  { ids: [] },
  { authors: [] },
  { kinds: [] },
  { authors: [ALICE.toUpperCase()] },
  { authors: [ALICE], kinds: [1] },
  { since: 101 },
  { until: 99 },
  { since: 101, until: 99 },
  { tags: [{ name: 't', values: ['b'] }] },
  { tags: [{ name: 't', values: [''] }] },
  { tags: [{ name: 't', values: ['A'] }] },
  { tags: [{ name: 't', values: [] }] },
  { tags: [{ name: 'e', values: ['x'] }] },
  {
    tags: [
      { name: 't', values: ['a'] },
      { name: 'E', values: ['y'] },
    ],
  },
]

test.each(matching)('the event matches %j', (filter) => {
  expect(matchesFilter(filter, event)).toBe(true)
})

test.each(missing)('the event does not match %j', (filter) => {
  expect(matchesFilter(filter, event)).toBe(false)
})

test('one of several filters is enough, and none is none', () => {
  expect(matchesAnyFilter([{ kinds: [1] }, { kinds: [7] }], event)).toBe(true)
  expect(matchesAnyFilter([{ kinds: [1] }, { kinds: [2] }], event)).toBe(false)
  expect(matchesAnyFilter([], event)).toBe(false)
})

test('any event is found by its own values, and adding a condition never finds more', () => {
  fc.assert(
    fc.property(anyEvent, fc.nat(65535), (found, kind) => {
      const tags = found.tags.flatMap(([name, value]) =>
        name === undefined || value === undefined ? [] : [{ name, values: [value] }],
      )
      const filter = { ids: [found.id], authors: [found.pubkey], tags, since: found.created_at }
      expect(matchesFilter(filter, found)).toBe(true)
      expect(matchesFilter({ ...filter, kinds: [kind] }, found)).toBe(found.kind === kind)
    }),
  )
})
