import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeySet } from './key-set.ts'
import { RecentMap } from './recent-map.ts'

const hexDigit = fc.constantFrom(...'0123456789abcdef')
const anyKey = fc.string({ unit: hexDigit, minLength: 64, maxLength: 64 })
/** Keys that begin alike, so that they meet in the table. */
const alikeKey = fc
  .tuple(fc.constantFrom('0', 'f'), hexDigit)
  .map(([head, tail]) => head.repeat(31) + tail + '0'.repeat(32))

test('a KeySet holds exactly the keys that it was made of', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyKey, alikeKey), { maxLength: 60 }),
      fc.array(fc.oneof(anyKey, alikeKey)),
      (keys, others) => {
        const set = new KeySet(keys, keys.length)
        const reference = new Set(keys)
        expect(set.size).toBe(reference.size)
        for (const key of [...keys, ...others]) expect(set.has(key)).toBe(reference.has(key))
      },
    ),
  )
})

test('a RecentMap knows at least the last names, and never more than twice as many', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 100 }),
      (keep, names) => {
        const map = new RecentMap<number>(keep)
        for (const [index, name] of names.entries()) {
          map.set(String(name), index)
          expect(map.size).toBeLessThanOrEqual(keep * 2)
          const recent = new Map(names.slice(0, index + 1).map((each, at) => [each, at]))
          const last = [...recent].toSorted(([, a], [, b]) => b - a).slice(0, keep)
          for (const [each, at] of last) expect(map.get(String(each))).toBe(at)
        }
      },
    ),
  )
})
