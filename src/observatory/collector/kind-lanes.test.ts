import { expect, test } from 'vitest'
import { meaningOf } from './closed-reason.ts'
import { DEFAULT_KINDS, kindLanes, narrower, WIDTHS } from './kind-lanes.ts'

test('however narrow, the lanes together ask for every kind once', () => {
  for (const width of WIDTHS) {
    expect(kindLanes(DEFAULT_KINDS, width).flatMap((lane) => lane ?? [])).toEqual(DEFAULT_KINDS)
  }
  expect(kindLanes('all', 'wide')).toEqual([undefined])
  expect(kindLanes('all', 'groups').flat()).toEqual(DEFAULT_KINDS)
})

test('it gets narrower while that is another way to ask and fits on a connection', () => {
  expect(narrower(DEFAULT_KINDS, 'wide')).toBe('groups')
  expect(narrower(DEFAULT_KINDS, 'groups')).toBe('single')
  expect(narrower(DEFAULT_KINDS, 'single')).toBeUndefined()
  expect(narrower([1], 'wide')).toBeUndefined()
  const many = Array.from({ length: 30 }, (_, kind) => kind)
  expect(narrower(many, 'groups')).toBeUndefined()
})

test.each([
  ['auth-required: who are you', 'refused'],
  ['restricted: members only', 'refused'],
  ['blocked: you', 'refused'],
  ['rate-limited: slow down', 'slower'],
  ['error: too many concurrent REQs', 'fewer'],
  ['ERROR: too many subscriptions', 'fewer'],
  ['invalid: filter too broad', 'narrower'],
  ['', 'narrower'],
])('"%s" means: %s', (text, meaning) => {
  expect(meaningOf(text)).toBe(meaning)
})
