import { randomBytes } from 'node:crypto'

/** What a posting list is filed under. The numbers are part of the index file format. */
export const FAMILY = { author: 1, authorKind: 2, kind: 3, tag: 4 } as const

export type Family = (typeof FAMILY)[keyof typeof FAMILY]

/** Secret numbers of one store; whoever does not know them cannot aim many keys at one slot. */
export type HashSeed = readonly [number, number, number, number]

export function createHashSeed(): HashSeed {
  const bytes = randomBytes(16)
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt32LE(12)]
}

/**
 * Seeded 64-bit hash of an index key in two 32-bit lanes, left in `hi` and `lo`. The lanes mix differently
 * and one multiplies each word by a secret before it is added, so that no pair of inputs collides in both
 * for every seed. A collision costs time only: whoever finds a key by its hash compares the key itself.
 */
export class KeyHasher {
  hi = 0
  lo = 0
  readonly #seedA: number
  readonly #seedB: number
  readonly #factorA: number
  readonly #factorB: number

  constructor(seed: HashSeed) {
    this.#seedA = seed[0] | 0
    this.#seedB = seed[1] | 0
    // Odd, so that multiplying loses nothing.
    this.#factorA = seed[2] | 1
    this.#factorB = seed[3] | 1
  }

  /**
   * Spreads an unsigned 32-bit number over 25 bits in a way that nobody else knows: ids are made by strangers, and
   * one second of work finds a thousand that share whatever bits a fixed function looks at.
   */
  scatter(value: number): number {
    const mixed = Math.imul(value ^ this.#seedA, this.#factorA)
    return Math.imul(mixed ^ (mixed >>> 15), this.#factorB) >>> 7
  }

  /** Hashes `bytes[start, end)` as a key of `family`; `extra` is the kind or the tag letter, else 0. */
  hash(family: Family, extra: number, bytes: Buffer, start: number, end: number): void {
    const factorA = this.#factorA
    const factorB = this.#factorB
    const head = (family << 24) ^ extra ^ ((end - start) << 12)
    let a = Math.imul(this.#seedA ^ head, 0x9e3779b1)
    let b = Math.imul(this.#seedB + head, 0x85ebca6b)
    let at = start
    for (; at + 4 <= end; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      a = Math.imul(a ^ word, factorA)
      a ^= a >>> 15
      b = (b + Math.imul(word, factorB)) | 0
      b = (Math.imul((b << 13) | (b >>> 19), 5) + 0x1b873593) | 0
    }
    let rest = 0
    for (; at < end; at++) rest = (rest << 8) | bytes[at]!
    a = Math.imul(a ^ rest, factorA)
    b = (b + Math.imul(rest, factorB)) | 0
    this.lo = finish(a)
    this.hi = finish(b)
  }
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
