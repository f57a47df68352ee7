import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../kernel/index.ts'

/** How many seconds' worth may pass at once after a quiet time. */
const BURST_SECONDS = 2

/**
 * Lets so many events pass in a second over the long run: whoever comes too early waits. What waits is not read from
 * the other relay, so nothing piles up.
 *
 * @param perSecond 0 is no limit.
 * @param signal whoever waits when it aborts may pass, and finds that nothing is wanted any more.
 */
export function createPace(
  perSecond: number,
  clock: Clock,
  signal: AbortSignal,
): (events: number) => Promise<void> {
  if (perSecond === 0) return async () => undefined
  let freeAtMs = 0
  return async (events) => {
    const nowMs = clock.nowMs()
    freeAtMs = Math.max(freeAtMs, nowMs - BURST_SECONDS * 1_000) + (events * 1_000) / perSecond
    const waitMs = freeAtMs - nowMs
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined)
  }
}
