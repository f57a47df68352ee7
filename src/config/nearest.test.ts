import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearestName } from './nearest.ts'

test.each([
  ['', '', 0],
  ['port', 'port', 0],
  ['port', 'prot', 1],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
  ['maxlimit', 'max_limit', 1],
])('from %j to %j are %i slips', (left, right, slips) => {
  expect(editDistance(left, right)).toBe(slips)
})

test('the distance is the same both ways, zero only for equal words, and never above the longer word', () => {
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right)
      expect(distance).toBe(editDistance(right, left))
      expect(distance === 0).toBe(left === right)
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length))
    }),
  )
})

test('a name far from all known ones has no nearest', () => {
  expect(nearestName('zzzzzz', ['relay.port', 'relay.host'])).toBeUndefined()
})
