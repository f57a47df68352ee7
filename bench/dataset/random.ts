import { createHash } from 'node:crypto'

/** A stream of pseudo-random numbers that its seed alone decides: the same on every machine and run. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** A whole number in [0, bound). */
  below(bound: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** Normally distributed, mean 0, deviation 1. */
  normal(): number
}

/** Starts a stream; different seeds give unrelated streams. The generator is sfc32. */
export function createRandom(seed: string): Random {
  const state = createHash('sha256').update(seed).digest()
  let a = state.readInt32LE(0)
  let b = state.readInt32LE(4)
  let c = state.readInt32LE(8)
  let counter = 1

  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }

  const below = (bound: number) => Math.floor(next() * bound)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]): T => {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError('Nothing to pick from: the list is empty.')
      return item
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  }
}

/**
 * Draws ranks from Zipf's law: rank r (from 0) comes up with probability proportional to 1 / (r + 1)^exponent.
 *
 * @returns a function that draws a rank in [0, size).
 */
export function createZipf(size: number, exponent: number, random: Random): () => number {
  const cumulative = new Float64Array(size)
  let total = 0
  for (let rank = 0; rank < size; rank++) {
    total += 1 / (rank + 1) ** exponent
    cumulative[rank] = total
  }
  return () => firstAbove(cumulative, random.next() * total)
}

function firstAbove(rising: Float64Array, value: number): number {
  let low = 0
  let high = rising.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (rising[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}
