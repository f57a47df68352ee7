import { expect, test } from 'vitest'
import { bucketAt, bucketsOf, roundMaximum, timeLabel } from './buckets.ts'

test('a moment belongs to the step that it lies in, not to the nearest start', () => {
  const buckets = bucketsOf([{ timestamp: 3600 }, { timestamp: 7200 }, { timestamp: 10_800 }], true)
  expect([0, 3600, 7199, 7200, 10_800, 99_999].map((at) => bucketAt(buckets, at))).toEqual([0, 0, 0, 1, 2, 2])
  expect(bucketAt(bucketsOf([], true), 5)).toBeUndefined()
})

test('a scale ends at a round number, its middle is a whole one, and it is never empty', () => {
  expect([0, 0.4, 3, 7, 9, 14, 83, 1201, 15_000].map((value) => roundMaximum([value, null]))).toEqual([
    2, 2, 4, 8, 10, 20, 100, 1500, 15_000,
  ])
  expect(roundMaximum([])).toBe(2)
})

test('an axis says hours, days or months, as far apart as its labels are', () => {
  const at = Date.UTC(2026, 10, 21, 6) / 1000
  expect([7200, 3 * 86_400, 30 * 86_400].map((increment) => timeLabel(at, increment))).toEqual([
    '06:00',
    '21 Nov',
    'Nov 26',
  ])
})
