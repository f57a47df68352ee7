import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createManualClock } from '../kernel/index.ts'
import { createPace } from './pace.ts'

test('two seconds’ worth passes at once, what is beyond waits, and a quiet time makes room again', async () => {
  const clock = createManualClock(1_700_000_000_000)
  const stopping = new AbortController()
  const pace = createPace(10, clock, stopping.signal)
  await pace(20)
  clock.advanceSeconds(60)
  await pace(20)
  let hasPassed = false
  const waiting = pace(600).then(() => {
    hasPassed = true
  })
  await setImmediate()
  expect(hasPassed).toBe(false)
  // Whoever waits when it is called off need not wait to find that out.
  stopping.abort()
  await waiting
})

test('without a limit nobody waits', async () => {
  const pace = createPace(0, createManualClock(0), new AbortController().signal)
  for (let n = 0; n < 10; n += 1) await pace(1_000_000)
})
