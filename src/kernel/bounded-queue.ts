import { AppError } from './app-error.ts'

export interface BoundedQueueOptions {
  /** How many values it holds at most; a positive integer. */
  readonly max: number
  /** `refuse`: a full queue does not take the new value. `drop-oldest`: it forgets its oldest for it. */
  readonly whenFull: 'refuse' | 'drop-oldest'
}

/** First in, first out, with a bound. Every operation on one value is O(1). */
export interface BoundedQueue<T> {
  readonly size: number
  /** True when nothing was lost; false when the queue was full, and the new or the oldest value is gone. */
  push(value: T): boolean
  /** Takes the oldest value; undefined when empty. */
  shift(): T | undefined
  /** Takes the oldest `max` values (all, if not said), oldest first. */
  takeAll(max?: number): T[]
}

const FIRST_CAPACITY = 16

/**
 * Makes an empty queue. Memory grows with what waits, up to `max`, and is kept for the next burst.
 *
 * @throws AppError INTERNAL when `max` is not a positive integer.
 */
export function createBoundedQueue<T>(options: BoundedQueueOptions): BoundedQueue<T> {
  return new RingQueue<T>(options)
}

/** A ring: `head` is the place of the oldest value, and places wrap around at the end of `places`. */
class RingQueue<T> implements BoundedQueue<T> {
  readonly #options: BoundedQueueOptions
  #places: (T | undefined)[]
  #head = 0
  #size = 0

  constructor(options: BoundedQueueOptions) {
    if (!Number.isSafeInteger(options.max) || options.max < 1) {
      throw new AppError('INTERNAL', `a queue's bound must be a positive integer, not ${options.max}`)
    }
    this.#options = options
    this.#places = emptyPlaces(Math.min(FIRST_CAPACITY, options.max))
  }

  get size(): number {
    return this.#size
  }

  push(value: T): boolean {
    const isFull = this.#size === this.#options.max
    if (isFull && this.#options.whenFull === 'refuse') return false
    if (isFull) this.shift()
    if (this.#size === this.#places.length) this.#grow()
    this.#places[(this.#head + this.#size) % this.#places.length] = value
    this.#size += 1
    return !isFull
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const value = this.#places[this.#head]
    // The place is emptied so that the value can be collected while the ring waits for the next burst.
    this.#places[this.#head] = undefined
    this.#head = (this.#head + 1) % this.#places.length
    this.#size -= 1
    return value
  }

  takeAll(max = this.#size): T[] {
    const count = Math.min(max, this.#size)
    const taken: T[] = []
    for (let index = 0; index < count; index += 1) {
      const place = (this.#head + index) % this.#places.length
      // Safe: the places from `head` on, `size` of them, hold values that `push` put there.
      taken.push(this.#places[place] as T)
      this.#places[place] = undefined
    }
    this.#head = (this.#head + count) % this.#places.length
    this.#size -= count
    return taken
  }

  #grow(): void {
    const grown: (T | undefined)[] = emptyPlaces(Math.min(this.#places.length * 2, this.#options.max))
    for (let index = 0; index < this.#size; index += 1) {
      grown[index] = this.#places[(this.#head + index) % this.#places.length]
    }
    this.#places = grown
    this.#head = 0
  }
}

function emptyPlaces(count: number): undefined[] {
  return Array.from({ length: count }, () => undefined)
}
