import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BoundedQueueOptions, createBoundedQueue } from './bounded-queue.ts'

/** The obvious queue, on a plain array. */
function createPlainQueue({ max, whenFull }: BoundedQueueOptions) {
  const values: number[] = []
  return {
    size: () => values.length,
    push(value: number): boolean {
      const isFull = values.length === max
      if (isFull && whenFull === 'refuse') return false
      if (isFull) values.shift()
      values.push(value)
      return !isFull
    },
    shift: () => values.shift(),
    takeAll: (count = values.length) => values.splice(0, count),
  }
}

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), value: fc.integer() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takeAll' as const), max: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takeAll' as const), max: fc.constant(undefined) }) },
)

test('after any operations the ring holds and gives what a plain array would', () => {
  const options = fc.record({
    max: fc.integer({ min: 1, max: 70 }),
    whenFull: fc.constantFrom('refuse' as const, 'drop-oldest' as const),
  })
  fc.assert(
    fc.property(options, fc.array(operation, { maxLength: 300, size: 'max' }), (queueOptions, operations) => {
      const ring = createBoundedQueue<number>(queueOptions)
      const plain = createPlainQueue(queueOptions)
      for (const step of operations) {
        if (step.do === 'push') expect(ring.push(step.value)).toBe(plain.push(step.value))
        if (step.do === 'shift') expect(ring.shift()).toBe(plain.shift())
        if (step.do === 'takeAll') expect(ring.takeAll(step.max)).toEqual(plain.takeAll(step.max))
        expect(ring.size).toBe(plain.size())
      }
      expect(ring.takeAll()).toEqual(plain.takeAll())
    }),
    { numRuns: 300 },
  )
})
