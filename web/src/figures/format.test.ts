import { describe, expect, test } from 'vitest'
import {
  ago,
  count,
  countdown,
  duration,
  milliseconds,
  moment,
  percent,
  satsOf,
  shareOf,
  stepName,
} from './format.ts'

test('a count is written whole until it is too long for a phone', () => {
  expect(count(0)).toBe('0')
  expect(count(1_234_567)).toBe('1,234,567')
  expect(count(99_999_999)).toBe('99,999,999')
  expect(count(123_456_789)).toBe('123.46M')
})

describe('per cent:', () => {
  test.each([
    [0, '0 %'],
    [0.04, '< 0.1 %'],
    [12.34, '12.3 %'],
    [99.96, '> 99.9 %'],
    [100, '100 %'],
  ])('%d is %s', (number, text) => {
    expect(percent(number)).toBe(text)
  })

  test('nothing of nothing is not a division by nothing', () => {
    expect(shareOf(0, 0)).toBe(0)
    expect(shareOf(1, 4)).toBe(25)
  })
})

test('amounts in millisatoshi are rounded down, and garbage is nothing', () => {
  expect(satsOf('21000999')).toBe(21_000)
  expect(satsOf('')).toBe(0)
  expect(satsOf('-5')).toBe(0)
  expect(satsOf('1e9')).toBe(0)
})

test('an age is told in its largest unit, and a moment to come is no age', () => {
  expect([0, 2000, 61_000, 3_600_000, 47 * 3_600_000, 12 * 86_400_000].map(duration)).toEqual([
    '0 s',
    '2 s',
    '1 min',
    '1 h',
    '47 h',
    '12 days',
  ])
  expect(ago(-5000)).toBe('0 s ago')
  expect(countdown(845_000)).toBe('14:05')
})

test('times are UTC whatever the machine says', () => {
  const startMs = Date.UTC(2026, 10, 21, 14)
  expect(moment(startMs)).toBe('21 Nov 2026, 14:00 UTC')
  expect(stepName(startMs / 1000, true)).toBe('21 Nov 2026, 14:00–15:00 UTC')
  expect(stepName(startMs / 1000, false)).toBe('21 Nov 2026')
})

test('a latency has its unit', () => {
  expect(milliseconds(128.4)).toBe('128 ms')
  expect(milliseconds(12_340)).toBe('12.3 s')
})
