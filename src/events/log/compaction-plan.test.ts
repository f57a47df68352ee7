import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CompactionLimits, planCompaction, type SegmentWeight } from './compaction-plan.ts'

const limits: CompactionLimits = { maxBytes: 4_000, minRemovedShare: 0.3, joinCount: 4, vanishedAgeMs: 1_000 }

/** Segments of these sizes, ten events each, with so many of them removed. */
function segments(...sizes: readonly (readonly [bytes: number, removed: number])[]): SegmentWeight[] {
  return sizes.map(([bytes, removed], index) => ({
    id: index + 1,
    bytes,
    events: 10,
    removed,
    vanished: 0,
    ageMs: 9_000,
  }))
}

describe('what is compacted next', () => {
  test('nothing, when segments are few and alive', () => {
    expect(planCompaction([], limits)).toEqual([])
    expect(planCompaction(segments([1_000, 0], [1_000, 2], [1_000, 0]), limits)).toEqual([])
  })

  test('a segment with enough of its events removed, alone', () => {
    expect(planCompaction(segments([1_000, 0], [1_000, 3]), limits)).toEqual([2])
    expect(planCompaction(segments([9_000, 10]), limits)).toEqual([1])
  })

  test('small neighbours together, as far as they fit', () => {
    expect(planCompaction(segments([1_000, 0], [1_000, 0], [1_000, 0], [1_000, 0]), limits)).toEqual([
      1, 2, 3, 4,
    ])
    expect(planCompaction(segments([1_000, 0], [1_000, 0], [1_000, 0], [1_001, 0]), limits)).toEqual([])
  })

  test('neighbours whose living parts fit', () => {
    const halfDead = segments([1_200, 2], [1_200, 2], [1_200, 2], [1_200, 2])
    expect(planCompaction(halfDead, limits)).toEqual([1, 2, 3, 4])
  })

  test('not a big one with small ones, which would move it again and again', () => {
    expect(planCompaction(segments([3_000, 0], [300, 0], [300, 0], [300, 0]), limits)).toEqual([])
  })

  test('one that holds vanished events, however few, when its file is of age', () => {
    const [alive, holding] = segments([1_000, 0], [1_000, 1])
    const plan = (vanished: number, ageMs: number) =>
      planCompaction([alive!, { ...holding!, vanished, ageMs }], limits)
    expect(plan(1, 1_000)).toEqual([2])
    expect(plan(1, 999)).toEqual([])
    expect(plan(0, 1_000)).toEqual([])
  })

  test('an empty segment is not dead for ever', () => {
    const empty = { id: 1, bytes: 100, events: 0, removed: 0, vanished: 0, ageMs: 0 }
    expect(planCompaction([empty], limits)).toEqual([])
  })
})

test('compacting comes to an end, and moves each event only as often as the logarithm of their number', () => {
  const sizes = fc.array(
    fc.record({
      bytes: fc.integer({ min: 1, max: 1_000 }),
      events: fc.nat({ max: 20 }),
      dead: fc.nat({ max: 100 }),
    }),
    { maxLength: 120, size: 'max' },
  )
  fc.assert(
    fc.property(sizes, (given) => {
      let next = 0
      let store: readonly SegmentWeight[] = []
      let movedBytes = 0
      let writtenBytes = 0
      for (const { bytes, events, dead } of given) {
        writtenBytes += bytes
        const removed = Math.floor((events * dead) / 100)
        store = [...store, { id: ++next, bytes, events, removed, vanished: 0, ageMs: 0 }]
        for (let rounds = 0; ; rounds++) {
          const ids = planCompaction(store, limits)
          if (ids.length === 0) break
          expect(rounds).toBeLessThan(store.length + given.length)
          const inputs = store.filter(({ id }) => ids.includes(id))
          expect(inputs.map(({ id }) => id)).toEqual(ids)
          const output = joined(++next, inputs)
          movedBytes += output.bytes
          const at = store.indexOf(inputs[0]!)
          // Neighbours only: the order of events in the log is the order of their numbers.
          expect(store.slice(at, at + ids.length)).toEqual(inputs)
          store = [...store.slice(0, at), output, ...store.slice(at + ids.length)]
        }
      }
      expect(movedBytes).toBeLessThanOrEqual(writtenBytes * (2 + Math.log2(given.length + 1)))
    }),
  )
})

function joined(id: number, inputs: readonly SegmentWeight[]): SegmentWeight {
  const living = inputs.map(({ bytes, events, removed }) => ({
    bytes: events === 0 ? 0 : Math.ceil(bytes * (1 - removed / events)),
    events: events - removed,
  }))
  return {
    id,
    bytes: living.reduce((sum, { bytes }) => sum + bytes, 0),
    events: living.reduce((sum, { events }) => sum + events, 0),
    removed: 0,
    vanished: 0,
    ageMs: 0,
  }
}
