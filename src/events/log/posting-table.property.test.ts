import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IndexKey } from './index-key.ts'
import { createHashSeed, FAMILY, KeyHasher } from './key-hash.ts'
import { PostingTable } from './posting-table.ts'

const hasher = new KeyHasher(createHashSeed())

/** Which kinds (as a stand-in for any key) an event is filed under, and its place in the order. */
const arrival = fc.record({
  kinds: fc.uniqueArray(fc.nat({ max: 12 }), { minLength: 1, maxLength: 4 }),
  createdAt: fc.nat({ max: 30 }),
  isRead: fc.boolean(),
})

test('the lists hold what was filed, oldest first, whatever came in which order and was read in between', () => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 300, size: 'max' }), fc.boolean(), (arrivals, doCollide) => {
      const kindsFiled: number[] = []
      const order = (a: number, b: number) => arrivals[a]!.createdAt - arrivals[b]!.createdAt || a - b
      const table = new PostingTable(order, (key, position) => kindsFiled[position] === key.extra)
      const expected = new Map<number, number[]>()
      arrivals.forEach(({ kinds, isRead }, ordinal) => {
        for (const kind of kinds) {
          const position = kindsFiled.push(kind) - 1
          // An event that repeats a tag files itself twice.
          for (const _ of [1, 2]) table.add(keyOf(kind, doCollide), position, ordinal)
          expected.set(kind, [...(expected.get(kind) ?? []), ordinal])
          if (isRead) expect(read(table, kind, doCollide)).toEqual(expected.get(kind)!.toSorted(order))
        }
      })
      expect(table.listCount).toBe(expected.size)
      for (const [kind, ordinals] of expected) {
        expect(read(table, kind, doCollide)).toEqual(ordinals.toSorted(order))
      }
      expect(table.find(keyOf(13, doCollide))).toBe(-1)
    }),
  )
})

test('a table grows to many keys and still finds each', () => {
  const table = new PostingTable(
    (a, b) => a - b,
    (key, position) => position === key.extra,
  )
  const count = 20_000
  for (let kind = 0; kind < count; kind++) table.add(keyOf(kind, false), kind, kind)
  for (let kind = 0; kind < count; kind += 97) expect(read(table, kind, false)).toEqual([kind])
  expect(table.listCount).toBe(count)
})

/** All keys share one hash when they are to collide: then only the key itself tells them apart. */
function keyOf(kind: number, doCollide: boolean): IndexKey {
  const key = new IndexKey().set(hasher, FAMILY.kind, kind, Buffer.alloc(0), 0, 0)
  if (!doCollide) return key
  key.hi = 7
  key.lo = 7
  return key
}

function read(table: PostingTable, kind: number, doCollide: boolean): number[] {
  const list = table.find(keyOf(kind, doCollide))
  const start = table.startOf(list)
  return [...table.entries.subarray(start, start + table.countOf(list))]
}
