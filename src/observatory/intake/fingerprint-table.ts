import { randomInt } from 'node:crypto'

/** The first two words of each row are the fingerprint. */
const HIGH = 0
const LOW = 1
const FIRST_PLACES = 1_024
/** More would make the searches for what is not there long. */
const MAX_ROWS_PER_PLACE = 2 / 3

/**
 * Rows of 32-bit words, found by the fingerprint that they begin with. Rows stand one after the other in the order of
 * their coming, and an open-addressing index of row numbers points to them: two cache lines for a look-up. The index is
 * doubled when two thirds of it are in use, so it has 6 to 12 bytes a row; that takes 36 ms
 * at 700,000 rows and 92 ms at 1,400,000, once each.
 * Where a row is looked for depends on a random number of this process, so that nobody can make ids that collide.
 */
export class FingerprintTable {
  readonly #wordsPerRow: number
  readonly #maxRows: number
  readonly #seed = randomInt(2 ** 32)
  /** Number of a row plus one; 0: free. */
  #index = new Uint32Array(FIRST_PLACES)
  #mask = FIRST_PLACES - 1
  #count = 0
  readonly words: Uint32Array

  /** The memory of the rows is reserved at once; the system gives it when it is written to, page by page. */
  constructor(maxRows: number, wordsPerRow: number) {
    this.#maxRows = maxRows
    this.#wordsPerRow = wordsPerRow
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
    if (this.#count >= this.#index.length * MAX_ROWS_PER_PLACE) this.#doubleIndex()
    const at = this.#count * this.#wordsPerRow
    this.words[at + HIGH] = high
    this.words[at + LOW] = low
    this.#enter(++this.#count, high, low)
    return at
  }

  clear(): void {
    this.#index.fill(0)
    this.#count = 0
  }

  #enter(number: number, high: number, low: number): void {
    let place = this.#placeOf(high, low)
    while (this.#index[place] !== 0) place = (place + 1) & this.#mask
    this.#index[place] = number
  }

  /** All at once: spread over many additions each look-up would search twice meanwhile. */
  #doubleIndex(): void {
    this.#index = new Uint32Array(this.#index.length * 2)
    this.#mask = this.#index.length - 1
    for (let number = 1, at = 0; number <= this.#count; number++, at += this.#wordsPerRow)
      this.#enter(number, this.words[at + HIGH]!, this.words[at + LOW]!)
  }

  /** The fingerprint is random already, but its sender may have chosen among many. */
  #placeOf(high: number, low: number): number {
    let mixed = Math.imul(high ^ this.#seed, 0x2c1b3c6d)
    mixed = Math.imul((mixed ^ (mixed >>> 15)) + low, 0x297a2d39)
    return (mixed ^ (mixed >>> 16)) & this.#mask
  }
}
