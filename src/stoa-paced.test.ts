import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { paced } from './stoa-paced.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a change alone is acted on at once, many within the interval once more at its end', () => {
  const act = vi.fn()
  const call = paced(act, 500)
  call()
  expect(act).toHaveBeenCalledTimes(1)
  for (let n = 0; n < 100; n++) call()
  vi.advanceTimersByTime(499)
  expect(act).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(1)
  expect(act).toHaveBeenCalledTimes(2)
  vi.advanceTimersByTime(10_000)
  expect(act).toHaveBeenCalledTimes(2)
  call()
  expect(act).toHaveBeenCalledTimes(3)
})

test('changes that do not end are acted on once an interval, and the last one is not lost', () => {
  const act = vi.fn()
  const call = paced(act, 500)
  for (let ms = 0; ms < 10_000; ms += 10) {
    call()
    vi.advanceTimersByTime(10)
  }
  expect(act.mock.calls.length).toBeLessThanOrEqual(21)
  const before = act.mock.calls.length
  call()
  vi.advanceTimersByTime(500)
  expect(act).toHaveBeenCalledTimes(before + 1)
})

test('what is due when it stops is left undone', () => {
  const act = vi.fn()
  const call = paced(act, 500)
  call()
  call()
  call.stop()
  vi.advanceTimersByTime(10_000)
  expect(act).toHaveBeenCalledTimes(1)
})
