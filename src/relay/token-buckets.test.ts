import { expect, test } from 'vitest'
import { TokenBuckets } from './token-buckets.ts'

test('a burst is allowed, and what comes after it at the rate', () => {
  const buckets = new TokenBuckets({ perSecond: 2, burst: 3 })
  const taken = (nowMs: number) => buckets.take('1.2.3.4', nowMs)
  expect([taken(0), taken(0), taken(0), taken(0)]).toEqual([true, true, true, false])
  expect([taken(500), taken(500)]).toEqual([true, false])
  expect([taken(60_000), taken(60_000), taken(60_000), taken(60_000)]).toEqual([true, true, true, false])
})

test('names do not share a bucket', () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 })
  expect(buckets.take('a', 0)).toBe(true)
  expect(buckets.take('b', 0)).toBe(true)
  expect(buckets.take('a', 0)).toBe(false)
})

test('a rate of 0 is no limit', () => {
  const buckets = new TokenBuckets({ perSecond: 0, burst: 1 })
  for (let count = 0; count < 1_000; count++) expect(buckets.take('a', 0)).toBe(true)
})

test('a clock that goes back neither gives nor takes tokens', () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 })
  expect(buckets.take('a', 10_000)).toBe(true)
  expect(buckets.take('a', 0)).toBe(false)
})

test('names that were quiet long enough to be full again are forgotten', () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 })
  for (let count = 0; count < 10_000; count++) buckets.take(`old ${count}`, 0)
  buckets.take('new', 5_000)
  expect(buckets.size).toBe(1)
})
