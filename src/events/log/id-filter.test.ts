import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdFilter } from './id-filter.ts'

const prefix = fc.nat({ max: 0xffff_ffff })

test('what was added is never denied, by a filter of the same memory in another thread either', () => {
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 500, size: 'max' }), (prefixes) => {
      const filter = IdFilter.forEvents(100)
      for (const each of prefixes) filter.add(each)
      const theirs = new IdFilter(filter.shared)
      expect(prefixes.filter((each) => !filter.mayHave(each) || !theirs.mayHave(each))).toEqual([])
    }),
  )
})

test('a full filter is wrong about less than one stranger in fifty', () => {
  const filter = IdFilter.forEvents(32_768)
  expect(filter.capacity).toBe(32_768)
  // Ids are hashes: a walk with a step that shares no factor with 2^32 is as evenly spread.
  let next = 1
  const step = () => {
    next = (Math.imul(next, 0x01000193) ^ 0x5bd1e995) >>> 0
    return next
  }
  const added = new Set<number>()
  while (added.size < filter.capacity) added.add(step())
  for (const each of added) filter.add(each)
  let strangers = 0
  let wrong = 0
  while (strangers < 20_000) {
    const stranger = step()
    if (added.has(stranger)) continue
    strangers++
    if (filter.mayHave(stranger)) wrong++
  }
  expect(wrong / strangers).toBeLessThan(0.02)
})

test('a filter of the biggest size is never full, so that it is not built anew for every event', () => {
  const biggest = new IdFilter(new SharedArrayBuffer(2 ** 28))
  expect(biggest.capacity).toBe(Number.POSITIVE_INFINITY)
  expect(IdFilter.forEvents(1_000_000).capacity).toBeGreaterThanOrEqual(1_000_000)
})
