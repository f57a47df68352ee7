import { expect, test } from 'vitest'
import { createManualClock } from '../../../kernel/index.ts'
import { describeBusContract } from '../contract.ts'
import { granted } from '../testing/index.ts'
import { createMemoryBus } from './memory-bus.ts'

describeBusContract('the memory bus', async () => {
  const bus = createMemoryBus()
  return { one: bus, other: bus, dispose: () => bus.close() }
})

test('a value is there until the last millisecond of its time, and not after', async () => {
  const clock = createManualClock(0)
  const bus = createMemoryBus(clock)
  await bus.set('a', '1', { ttlMs: 100 })
  clock.advanceMs(99)
  expect(await granted(bus.get('a'))).toBe('1')
  clock.advanceMs(1)
  expect(await granted(bus.get('a'))).toBeUndefined()
})

test('a bucket fills at its rate', async () => {
  const clock = createManualClock(0)
  const bus = createMemoryBus(clock)
  const rate = { perSecond: 2, burst: 3 }
  expect((await bus.takeToken('a', rate, 3)).isAllowed).toBe(true)
  expect(await bus.takeToken('a', rate)).toMatchObject({ isAllowed: false, retryAfterMs: 500 })
  clock.advanceMs(499)
  expect(await bus.takeToken('a', rate)).toMatchObject({ isAllowed: false, retryAfterMs: 1 })
  clock.advanceMs(1)
  expect((await bus.takeToken('a', rate)).isAllowed).toBe(true)
})
