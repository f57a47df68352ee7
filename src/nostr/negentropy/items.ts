import { hash } from 'node:crypto'
import { type Bound, ID_BYTES, startOfSecond } from './bound.ts'
import { IdSums } from './id-sums.ts'
import { FINGERPRINT_BYTES } from './message.ts'
import { encodeVarint } from './message-writer.ts'

/** Events by time and id, ascending by `createdAt`, then by id as bytes; none twice (NIP-77). */
export interface NegentropySet {
  /** Seconds, one for each event. */
  readonly createdAt: Float64Array
  /** 32 bytes for each event. */
  readonly ids: Uint8Array
}

/** A set that is reconciled, as it was when it was taken: it must not be altered afterwards. */
export class NegentropyItems {
  readonly #createdAt: Float64Array
  readonly #ids: Buffer
  readonly #sums: IdSums

  constructor({ createdAt, ids }: NegentropySet) {
    this.#createdAt = createdAt
    this.#ids = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)
    this.#sums = new IdSums(ids)
  }

  /** How many items there are. */
  get size(): number {
    return this.#createdAt.length
  }

  /** The ids from `start` to before `end`, 32 bytes each: a view, to be read only. */
  idsBetween(start: number, end: number): Buffer {
    return this.#ids.subarray(start * ID_BYTES, end * ID_BYTES)
  }

  /** Lowercase hex. */
  idAt(index: number): string {
    return this.#ids.toString('hex', index * ID_BYTES, (index + 1) * ID_BYTES)
  }

  /** Of the sum of the ids from `start` to before `end`, and of their number (NIP-77). */
  fingerprint(start: number, end: number): Uint8Array {
    const counted = Buffer.concat([this.#sums.between(start, end), encodeVarint(BigInt(end - start))])
    return hash('sha256', counted, 'buffer').subarray(0, FINGERPRINT_BYTES)
  }

  /** The first index, from `from` on, whose item does not lie before the bound; `size` when all do. */
  indexOf(bound: Bound, from: number): number {
    // Beyond 2^53 this rounds, but no event has a time there, and what is rounded stays there.
    const seconds = Number(bound.timestamp)
    let low = from
    let high = this.size
    // Bounds come in order and mostly close together, so steps that double find a small piece to search in.
    for (let step = 16; low + step < high; step *= 2) {
      if (!this.#isBefore(low + step, seconds, bound.idPrefix)) {
        high = low + step
        break
      }
      low += step + 1
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBefore(middle, seconds, bound.idPrefix)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The shortest bound between the item before `index` and the one at it. */
  boundBefore(index: number): Bound {
    const seconds = this.#createdAt[index]!
    if (this.#createdAt[index - 1] !== seconds) return startOfSecond(seconds)
    const previous = this.idsBetween(index - 1, index)
    const id = this.idsBetween(index, index + 1)
    let length = 1
    while (length < ID_BYTES && previous[length - 1] === id[length - 1]) length += 1
    return { timestamp: BigInt(seconds), idPrefix: id.subarray(0, length) }
  }

  #isBefore(index: number, seconds: number, idPrefix: Uint8Array): boolean {
    const createdAt = this.#createdAt[index]!
    if (createdAt !== seconds) return createdAt < seconds
    const start = index * ID_BYTES
    for (let place = 0; place < idPrefix.length; place += 1) {
      const difference = this.#ids[start + place]! - idPrefix[place]!
      if (difference !== 0) return difference < 0
    }
    return false
  }
}

/** The set of these events, put in order. An event that comes twice is in it once. */
export function negentropySetOf(
  events: Iterable<{ readonly id: string; readonly created_at: number }>,
): NegentropySet {
  const times = new Map<string, number>()
  for (const event of events) times.set(event.id, event.created_at)
  const sorted = [...times].sort(([idA, a], [idB, b]) => a - b || (idA < idB ? -1 : 1))
  return {
    createdAt: Float64Array.from(sorted, ([, createdAt]) => createdAt),
    ids: Buffer.from(sorted.map(([id]) => id).join(''), 'hex'),
  }
}
