import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bitmap } from './bitmap.ts'

const move = fc.record({ index: fc.nat({ max: 5_000 }), isAdded: fc.boolean() })

test('a bitmap is a set of numbers, through its bytes too', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200, size: 'max' }), (moves) => {
      const bitmap = new Bitmap()
      const set = new Set<number>()
      for (const { index, isAdded } of moves) {
        if (isAdded) {
          expect(bitmap.add(index)).toBe(!set.has(index))
          set.add(index)
        } else {
          bitmap.delete(index)
          set.delete(index)
        }
      }
      const copy = new Bitmap(new Uint8Array(bitmap.bytes))
      for (const one of [bitmap, copy]) {
        expect(one.count).toBe(set.size)
        for (const { index } of moves) expect(one.has(index)).toBe(set.has(index))
        expect(one.has(5_001)).toBe(false)
      }
    }),
  )
})
