import { expect } from 'vitest'
import { eventually } from '../testing/index.ts'
import type { Claim } from './claim.ts'

/** Too slow to fill by a token while a test runs. */
const SLOW = { perSecond: 0.001, burst: 10 }

export function tokenClaims(claim: Claim): void {
  claim('all processes together get the burst and no token more', async ({ one, other }) => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? one : other).takeToken('address', SLOW)),
    )
    expect(answers.filter(({ isAllowed }) => isAllowed)).toHaveLength(10)
    expect(answers.every(({ from }) => from === 'shared')).toBe(true)
  })

  claim('buckets of different names do not share', async ({ one }) => {
    expect((await one.takeToken('a', SLOW, 10)).isAllowed).toBe(true)
    expect((await one.takeToken('b', SLOW, 10)).isAllowed).toBe(true)
    expect((await one.takeToken('a', SLOW, 1)).isAllowed).toBe(false)
  })

  claim('a refusal takes nothing', async ({ one }) => {
    expect((await one.takeToken('a', SLOW, 4)).isAllowed).toBe(true)
    expect((await one.takeToken('a', SLOW, 7)).isAllowed).toBe(false)
    expect((await one.takeToken('a', SLOW, 6)).isAllowed).toBe(true)
  })

  claim('a refusal says how long to wait: the missing tokens at the rate', async ({ one }) => {
    expect(await one.takeToken('a', SLOW, 10)).toMatchObject({ isAllowed: true, retryAfterMs: 0 })
    const { retryAfterMs } = await one.takeToken('a', SLOW, 2)
    // Two tokens at one in a thousand seconds, less what has dripped in since.
    expect(retryAfterMs).toBeGreaterThan(1_900_000)
    expect(retryAfterMs).toBeLessThanOrEqual(2_000_000)
    expect((await one.takeToken('a', SLOW, 11)).retryAfterMs).toBe(Number.POSITIVE_INFINITY)
  })

  claim('an empty bucket fills again, and never above its burst', async ({ one }) => {
    const rate = { perSecond: 50, burst: 2 }
    expect((await one.takeToken('a', rate, 2)).isAllowed).toBe(true)
    await eventually(async () => (await one.takeToken('a', rate, 2)).isAllowed)
    expect((await one.takeToken('a', rate, 3)).isAllowed).toBe(false)
  })

  claim('a rate of 0 is no limit', async ({ one }) => {
    for (let count = 0; count < 100; count++) {
      expect((await one.takeToken('a', { perSecond: 0, burst: 1 })).isAllowed).toBe(true)
    }
  })
}
