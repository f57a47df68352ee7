import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryStore } from './memory/index.ts'
import { arbitraryPool, drain, NOW_SECONDS, put } from './testing/index.ts'
import { type TimeWindow, timeWindows } from './time-windows.ts'

test('windows hold every event once, and none has more than was asked for but in one second', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryPool(), fc.integer({ min: 1, max: 5 }), async (pool, maxEvents) => {
      const store = createMemoryStore()
      await put(store, pool)
      const range = { sinceSeconds: 0, untilSeconds: Number.MAX_SAFE_INTEGER }
      const windows: TimeWindow[] = []
      for await (const window of timeWindows(store, { ...range, maxEvents, nowSeconds: NOW_SECONDS })) {
        windows.push(window)
      }
      const found: string[] = []
      let since = 0
      for (const { sinceSeconds, untilSeconds, events } of windows) {
        if (events === undefined) expect(sinceSeconds).toBeGreaterThanOrEqual(since)
        else expect(sinceSeconds).toBe(since)
        since = untilSeconds + 1
        const inside = await drain(
          store.query([{ since: sinceSeconds, until: untilSeconds }], NOW_SECONDS),
          [100],
        )
        found.unshift(...inside)
        expect(inside.length).toBeGreaterThan(0)
        if (events === undefined) expect(sinceSeconds).toBe(untilSeconds)
        else expect(inside.length).toBe(events)
        if (events !== undefined) expect(events).toBeLessThanOrEqual(maxEvents)
      }
      expect(found).toEqual(await drain(store.query([{}], NOW_SECONDS), [100]))
    }),
    { numRuns: 150 },
  )
})
