import { expect, test } from 'vitest'
import { createBoundedQueue } from './bounded-queue.ts'

test('a full queue that refuses keeps what it has', () => {
  const queue = createBoundedQueue<string>({ max: 2, whenFull: 'refuse' })
  expect(['a', 'b', 'c'].map((value) => queue.push(value))).toEqual([true, true, false])
  expect(queue.takeAll()).toEqual(['a', 'b'])
})

test('a full queue that drops its oldest says so, and takes the new value', () => {
  const queue = createBoundedQueue<string>({ max: 2, whenFull: 'drop-oldest' })
  expect(['a', 'b', 'c'].map((value) => queue.push(value))).toEqual([true, true, false])
  expect(queue.takeAll()).toEqual(['b', 'c'])
})

test('takeAll with a maximum leaves the rest in order', () => {
  const queue = createBoundedQueue<number>({ max: 100, whenFull: 'refuse' })
  for (let value = 0; value < 50; value += 1) queue.push(value)
  expect(queue.takeAll(3)).toEqual([0, 1, 2])
  expect(queue.shift()).toBe(3)
  expect(queue.size).toBe(46)
})

test('an empty queue gives undefined and an empty list', () => {
  const queue = createBoundedQueue<number>({ max: 1, whenFull: 'refuse' })
  expect(queue.shift()).toBeUndefined()
  expect(queue.takeAll()).toEqual([])
})

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('a bound of %d is refused', (max) => {
  expect(() => createBoundedQueue({ max, whenFull: 'refuse' })).toThrow('must be a positive integer')
})
