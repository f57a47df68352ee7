import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareNewestFirst } from './order.ts'

const at = (created_at: number, id: string) => ({ created_at, id })

test('newest first, and the lowest id first within a second', () => {
  const events = [at(1, 'a'), at(2, 'f'), at(2, '0'), at(3, 'c')]
  expect(events.sort(compareNewestFirst)).toEqual([at(3, 'c'), at(2, '0'), at(2, 'f'), at(1, 'a')])
})

test('it is an order: antisymmetric, and zero only for the same event', () => {
  const place = fc.record({ created_at: fc.nat(3), id: fc.constantFrom('00', '0a', 'a0', 'ff') })
  fc.assert(
    fc.property(place, place, (a, b) => {
      expect(Math.sign(compareNewestFirst(a, b)) + Math.sign(compareNewestFirst(b, a))).toBe(0)
      expect(compareNewestFirst(a, b) === 0).toBe(a.created_at === b.created_at && a.id === b.id)
    }),
  )
})
