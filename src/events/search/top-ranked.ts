import { type Ranked, rankedBefore } from './ranking.ts'

/**
 * Keeps the best `limit` of what it is offered, in a heap whose root is the worst of them: whatever cannot be better
 * than the root need not be looked at closely.
 */
export class TopRanked<T extends Ranked> {
  readonly #limit: number
  readonly #heap: T[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#heap.length
  }

  /** Could something of at most this score, and of this time in seconds, still be among the best? */
  mayTake(scoreAtMost: number, createdAt: number): boolean {
    if (this.#heap.length < this.#limit) return true
    const worst = this.#heap[0]
    if (worst === undefined) return false
    return scoreAtMost > worst.score || (scoreAtMost === worst.score && createdAt >= worst.createdAt)
  }

  /** Takes it in if it is among the best so far; returns what had to go, which may be `found` itself. */
  offer(found: T): T | undefined {
    const heap = this.#heap
    if (heap.length < this.#limit) {
      heap.push(found)
      this.#rise(heap.length - 1)
      return undefined
    }
    const worst = heap[0]
    if (worst === undefined || rankedBefore(found, worst) >= 0) return found
    heap[0] = found
    this.#sink()
    return worst
  }

  /** The best, best first. */
  sorted(): T[] {
    return this.#heap.toSorted(rankedBefore)
  }

  #rise(from: number): void {
    const heap = this.#heap
    const found = heap[from]!
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (rankedBefore(found, heap[parent]!) <= 0) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = found
  }

  #sink(): void {
    const heap = this.#heap
    const found = heap[0]!
    let index = 0
    for (;;) {
      let child = index * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && rankedBefore(heap[child + 1]!, heap[child]!) > 0) child++
      if (rankedBefore(heap[child]!, found) <= 0) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = found
  }
}
