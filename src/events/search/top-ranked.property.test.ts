import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rankedBefore } from './ranking.ts'
import { TopRanked } from './top-ranked.ts'

const found = fc.record({
  score: fc.nat({ max: 3 }),
  createdAt: fc.nat({ max: 2 }),
  id: fc.constantFrom('a', 'b', 'c', 'd'),
})

test('the best of what was offered are kept, in order, and nothing that could be among them is turned away', () => {
  fc.assert(
    fc.property(fc.array(found), fc.nat({ max: 6 }), (all, limit) => {
      const top = new TopRanked<(typeof all)[number]>(limit)
      for (const one of all) if (top.mayTake(one.score, one.createdAt)) top.offer(one)
      expect(top.sorted()).toEqual(all.toSorted(rankedBefore).slice(0, limit))
    }),
  )
})

test('what has to go is told', () => {
  const top = new TopRanked(1)
  const low = { score: 1, createdAt: 0, id: 'a' }
  const high = { score: 2, createdAt: 0, id: 'b' }
  expect(top.offer(low)).toBeUndefined()
  expect(top.offer(high)).toBe(low)
  expect(top.offer(low)).toBe(low)
})
