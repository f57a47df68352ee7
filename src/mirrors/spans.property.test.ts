import fc from 'fast-check'
import { expect, test } from 'vitest'
import { negentropySetOf } from '../nostr/index.ts'
import { planGaps, shortenGap } from './mirror-state.ts'
import { splitSpan } from './windows.ts'

const seconds = fc.oneof(fc.nat(100), fc.integer({ min: 1_600_000_000, max: 1_800_000_000 }))

test('the two parts of a span are what the span was, and each is smaller', () => {
  const times = fc.array(seconds, { maxLength: 20 })
  fc.assert(
    fc.property(fc.option(seconds), fc.option(seconds), times, seconds, (since, until, ours, now) => {
      const span = { since: since ?? undefined, until: until ?? undefined }
      const [from, to] = [span.since ?? 0, span.until ?? Number.MAX_SAFE_INTEGER]
      const inside = ours.filter((time) => time >= from && time <= to)
      const events = inside.map((created_at, n) => ({ id: n.toString(16).padStart(64, '0'), created_at }))
      const parts = splitSpan(span, negentropySetOf(events), now)
      if (parts === undefined) {
        expect(from).toBeGreaterThanOrEqual(to)
        return
      }
      const [newer, older] = parts
      expect(older.since ?? 0).toBe(from)
      expect(newer.until ?? Number.MAX_SAFE_INTEGER).toBe(to)
      expect(newer.since).toBe((older.until ?? Number.NaN) + 1)
      expect(older.until).toBeGreaterThanOrEqual(from)
      expect(newer.since).toBeLessThanOrEqual(to)
    }),
  )
})

test('whatever breaks off when, every second is behind the mirror or in a gap', () => {
  const step = fc.record({
    afterSeconds: fc.integer({ min: 1, max: 20_000 }),
    reaches: fc.option(fc.nat(1_000_000)),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      let now = 1_000_000
      let progress = planGaps(undefined, 'f', now)
      for (const { afterSeconds, reaches } of steps) {
        if (reaches !== null && progress.gaps.at(-1)?.since !== undefined)
          progress = shortenGap(progress, reaches)
        now += afterSeconds
        const before = progress
        progress = planGaps(progress, 'f', now)
        expect(progress.gaps.length).toBeLessThanOrEqual(16)
        for (const gap of before.gaps) {
          const covered = progress.gaps.some(
            ({ since = 0, until = Infinity }) =>
              since <= (gap.since ?? 0) && until >= (gap.until ?? Infinity),
          )
          expect(covered).toBe(true)
        }
        expect(progress.gaps.at(-1)?.since ?? 0).toBeLessThan(before.coveredTo)
        expect(progress.gaps.at(-1)?.until).toBeUndefined()
      }
    }),
  )
})
