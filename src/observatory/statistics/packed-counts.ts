import { GROWTH, MAX_LOAD } from './fingerprint-set.ts'

const SMALLEST = 8
const COUNT_BITS = 16
const NOTHING = new Uint32Array(0)

/** A count stays at this. */
export const MOST_COUNTED = 0xffff

/**
 * Counts at places below 65,536 where most are 0: four bytes for each that is not, the place and the count in one word.
 * Open addressing with linear probing; a word of 0 is an empty slot, since a count that is there is at least 1.
 */
export class PackedCounts {
  #words: Uint32Array
  #count = 0

  /**
   * `places`: how many are about to be set. Whoever reads a table as it lies needs this: in the order of their slots, all of
   * the first ones would crowd at the beginning of a table that is yet to grow.
   */
  constructor(places = 0) {
    this.#words = places === 0 ? NOTHING : new Uint32Array(capacityFor(places))
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  /** How many places have a count. */
  get places(): number {
    return this.#count
  }

  /** Adds one. @returns false when the count is as large as one can be. */
  increment(place: number): boolean {
    this.#makeRoom()
    const slot = this.#slotOf(place)
    const word = this.#words[slot]!
    if ((word & MOST_COUNTED) === MOST_COUNTED) return false
    if (word === 0) this.set(place, 1)
    else this.#words[slot] = word + 1
    return true
  }

  /** `count`: 1 … 65,535. */
  set(place: number, count: number): void {
    this.#makeRoom()
    const slot = this.#slotOf(place)
    if (this.#words[slot] === 0) this.#count += 1
    this.#words[slot] = ((place << COUNT_BITS) | count) >>> 0
  }

  /** In no order. */
  forEach(visit: (place: number, count: number) => void): void {
    for (const word of this.#words) if (word !== 0) visit(word >>> COUNT_BITS, word & MOST_COUNTED)
  }

  /** Forgets the counts of some places. */
  remove(isToGo: (place: number) => boolean): void {
    let kept = 0
    this.forEach((place) => {
      if (!isToGo(place)) kept += 1
    })
    if (kept === this.#count) return
    this.#rebuild(kept === 0 ? 0 : capacityFor(kept * GROWTH), isToGo)
  }

  #makeRoom(): void {
    const capacity = this.#words.length
    if (this.#count + 1 > capacity * MAX_LOAD)
      this.#rebuild(Math.max(SMALLEST, Math.ceil(capacity * GROWTH)), () => false)
  }

  #rebuild(capacity: number, isToGo: (place: number) => boolean): void {
    const before = this.#words
    this.#words = capacity === 0 ? NOTHING : new Uint32Array(capacity)
    this.#count = 0
    for (const word of before) {
      const place = word >>> COUNT_BITS
      if (word === 0 || isToGo(place)) continue
      this.#words[this.#slotOf(place)] = word
      this.#count += 1
    }
  }

  /** Where the word of a place is, or where it would be. */
  #slotOf(place: number): number {
    const words = this.#words
    const capacity = words.length
    let slot = Math.floor(((Math.imul(place, 0x9e3779b1) >>> 0) * capacity) / 0x1_0000_0000)
    while (words[slot] !== 0 && words[slot]! >>> COUNT_BITS !== place) {
      slot += 1
      if (slot === capacity) slot = 0
    }
    return slot
  }
}

function capacityFor(places: number): number {
  return Math.max(SMALLEST, Math.ceil(places / MAX_LOAD) + 1)
}
