import { expect, test } from 'vitest'
import { createManualClock, systemClock } from './clock.ts'

test('a manual clock stands still until it is advanced', () => {
  const clock = createManualClock(1_700_000_000_250)
  expect(clock.nowMs()).toBe(1_700_000_000_250)
  clock.advanceMs(749)
  expect(clock.nowSeconds()).toBe(1_700_000_000)
  clock.advanceMs(1)
  expect(clock.nowSeconds()).toBe(1_700_000_001)
  clock.advanceSeconds(60)
  expect(clock.nowMs()).toBe(1_700_000_061_000)
})

test('the system clock agrees with the machine, in whole seconds rounded down', () => {
  const beforeMs = Date.now()
  const nowSeconds = systemClock.nowSeconds()
  const nowMs = systemClock.nowMs()
  expect(nowMs).toBeGreaterThanOrEqual(beforeMs)
  expect(nowSeconds).toBeGreaterThanOrEqual(Math.floor(beforeMs / 1000))
  expect(nowSeconds).toBeLessThanOrEqual(nowMs / 1000)
  expect(Number.isInteger(nowSeconds)).toBe(true)
})
