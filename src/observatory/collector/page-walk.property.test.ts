import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PageWalk } from './page-walk.ts'

const MAX_SECOND = 60
/** A page is never asked for so often, however few events the relay sends at once. */
const MAX_PAGES = 5_000

/** Times of a relay's events, newest first, as it sends them for a page: at most `cap`. */
function answer(
  times: readonly number[],
  page: { since: number; until: number; limit: number },
  cap: number,
) {
  return times.filter((at) => at >= page.since && at <= page.until).slice(0, Math.min(cap, page.limit))
}

function walk(times: readonly number[], cap: number, since: number, until: number) {
  const walked = new PageWalk({ since, until })
  const got: number[][] = []
  for (let pages = 0; walked.next !== undefined; pages++) {
    if (pages === MAX_PAGES) throw new Error('it does not come to an end')
    const before = walked.reached
    const page = answer(times, walked.next, cap)
    for (const at of page) walked.saw(at)
    got.push([...page])
    walked.finish()
    expect(walked.reached).toBeLessThanOrEqual(before)
  }
  return { walked, seen: new Set(got.flat()), got }
}

const times = fc
  .array(fc.integer({ min: 0, max: MAX_SECOND }), { maxLength: 200 })
  .map((list) => list.sort((a, b) => b - a))

test('whatever the relay sends at once, every second is reached, and none is left before all of it was asked for', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 40 }), (list, cap) => {
      const { walked, seen } = walk(list, cap, 0, MAX_SECOND)
      expect(walked.isDone).toBe(true)
      expect(seen).toEqual(new Set(list))
    }),
  )
})

test('nothing is lost inside a second that fits into what the relay sends at once', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 40 }), (list, cap) => {
      const { got } = walk(list, cap, 0, MAX_SECOND)
      for (const second of new Set(list)) {
        const has = list.filter((at) => at === second).length
        const most = Math.max(...got.map((page) => page.filter((at) => at === second).length))
        expect(most).toBe(Math.min(has, cap))
      }
    }),
  )
})

test('what is reached is never further than what was read, page by page', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 10 }), fc.nat({ max: 20 }), (list, cap, stopAfter) => {
      const walked = new PageWalk({ since: 0, until: MAX_SECOND })
      const seen = new Set<number>()
      for (let pages = 0; pages < stopAfter && walked.next !== undefined; pages++) {
        for (const at of answer(list, walked.next, cap)) {
          walked.saw(at)
          seen.add(at)
        }
        walked.finish()
      }
      for (const at of list) if (at >= walked.reached) expect(seen.has(at)).toBe(true)
    }),
  )
})

test('a page of nothing that can be used ends the walk without the claim that all was read', () => {
  const walked = new PageWalk({ since: 10, until: 100 })
  walked.saw(-1)
  walked.saw(200)
  walked.finish()
  expect(walked.next).toBeUndefined()
  expect(walked).toMatchObject({ isDone: false, isStuck: true, reached: 101 })
})

test('a second that fills the largest page is counted as uncertain', () => {
  const walked = new PageWalk({ since: 0, until: 10 })
  for (const limit of [500, 5_000]) {
    expect(walked.next?.limit).toBe(limit)
    for (let count = 0; count < 500; count++) walked.saw(10)
    walked.finish()
  }
  expect(walked).toMatchObject({ uncertainSeconds: 1, reached: 10 })
})
