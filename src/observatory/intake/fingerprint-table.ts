import { randomInt } from 'node:crypto'

/** The first two words of each row are the fingerprint. */
const HIGH = 0
const LOW = 1

/**
 * Rows of 32-bit words, found by the fingerprint that they begin with. Rows stand one after the other in the order of
 * their coming, and an open-addressing index of row numbers points to them: two cache lines for a look-up, 4 bytes a row
 * for the emptiness. Where a row is looked for depends on a random number of this process, so that nobody can make
 * ids that collide.
 */
export class FingerprintTable {
  readonly #wordsPerRow: number
  readonly #maxRows: number
  readonly #seed = randomInt(2 ** 32)
  /** Number of a row plus one; 0: free. */
  readonly #index: Uint32Array
  readonly #mask: number
  #count = 0
  readonly words: Uint32Array

  /** The memory is reserved at once; the system gives it when it is written to. */
  constructor(maxRows: number, wordsPerRow: number) {
    this.#maxRows = maxRows
    this.#wordsPerRow = wordsPerRow
    const places = 2 ** Math.ceil(Math.log2(Math.max(16, maxRows * 1.5)))
    this.#mask = places - 1
    this.#index = new Uint32Array(places)
    this.words = new Uint32Array(maxRows * wordsPerRow)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.#maxRows
  }

  /** Where the row begins in `words`; −1 when there is none. */
  find(high: number, low: number): number {
    const index = this.#index
    const words = this.words
    const mask = this.#mask
    for (let place = this.#placeOf(high, low); ; place = (place + 1) & mask) {
      const row = index[place]!
      if (row === 0) return -1
      const at = (row - 1) * this.#wordsPerRow
      if (words[at + HIGH] === high && words[at + LOW] === low) return at
    }
  }

  /** Where the new row begins; its further words are what they were. The table must not be full, nor have such a row. */
  add(high: number, low: number): number {
    let place = this.#placeOf(high, low)
    while (this.#index[place] !== 0) place = (place + 1) & this.#mask
    const at = this.#count * this.#wordsPerRow
    this.#index[place] = ++this.#count
    this.words[at + HIGH] = high
    this.words[at + LOW] = low
    return at
  }

  clear(): void {
    this.#index.fill(0)
    this.#count = 0
  }

  /** The fingerprint is random already, but its sender may have chosen among many. */
  #placeOf(high: number, low: number): number {
    let mixed = Math.imul(high ^ this.#seed, 0x2c1b3c6d)
    mixed = Math.imul((mixed ^ (mixed >>> 15)) + low, 0x297a2d39)
    return (mixed ^ (mixed >>> 16)) & this.#mask
  }
}
