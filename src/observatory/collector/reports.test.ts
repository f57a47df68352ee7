/** How much is said of relays, and of which. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../platform/bus/testing/index.ts'
import { createJumpingClock, openTestCollector, startMisbehavingRelay } from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Of a relay that is gone, since it was gone: what is reported while it waits for the next try. */
async function reportedWhileWaiting(wasProven: boolean) {
  const clock = createJumpingClock()
  const relay = await startMisbehavingRelay()
  if (!wasProven) await relay.stop()
  const watched = await openTestCollector({ seeds: [relay.url], clock })
  stops.push(() => watched.stop())
  if (wasProven) {
    await eventually(() => watched.statusOf(relay.url).isProven)
    await relay.stop()
  }
  await eventually(() => watched.stateOf(relay.url) === 'waiting')
  await delay(200)
  const before = watched.reports.length
  for (let n = 0; n < 10; n++) {
    clock.jumpSeconds(2)
    await delay(100)
  }
  expect(watched.stateOf(relay.url)).toBe('waiting')
  return watched.reports.slice(before)
}

test('a relay that has proved itself is reported while it is away, with the time that it is', async () => {
  const reports = await reportedWhileWaiting(true)
  expect(reports.reduce((sum, { watchedSeconds }) => sum + watchedSeconds, 0)).toBeGreaterThanOrEqual(15)
})

test('an address where nothing ever answered is not reported over and over', async () => {
  expect(await reportedWhileWaiting(false)).toEqual([])
})
