import { expect, test } from 'vitest'
import { createBackOff } from './back-off.ts'

test('waits double up to their bound, of which half is chance, and begin anew after a success', () => {
  let random = 0
  const backOff = createBackOff({ minMs: 100, maxMs: 500, random: () => random })
  const next = (count: number) => Array.from({ length: count }, () => backOff.nextMs())
  expect(next(5)).toEqual([50, 100, 200, 250, 250])
  random = 1
  expect(next(2)).toEqual([500, 500])
  backOff.reset()
  expect(next(2)).toEqual([100, 200])
})
