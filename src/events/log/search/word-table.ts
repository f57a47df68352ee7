import { grownU32 } from '../growable.ts'
import { EMPTY_LIST, type WordList, type WordLists } from './word-lists.ts'

const FIRST_ENTRIES = 4_096
const FIRST_SLOTS = 4_096

/**
 * Word lists that grow, in memory: nine bytes for each word of each event, linked backwards, and a hash table of the
 * words. Events are to be added in the order of their ordinals.
 */
export class WordTable implements WordLists {
  /** Pairs of the last entry of a word (plus one, 0 for a free slot) and the word's number of entries. */
  #slots = new Uint32Array(FIRST_SLOTS * 2)
  #hashes = new Uint32Array(FIRST_SLOTS)
  #wordCount = 0
  #entryCount = 0
  #ordinals = new Uint32Array(FIRST_ENTRIES)
  /** The entry before, of the same word, plus one; 0 at the first. */
  #previous = new Uint32Array(FIRST_ENTRIES)
  #impacts = new Uint8Array(FIRST_ENTRIES)

  get wordCount(): number {
    return this.#wordCount
  }

  get memoryBytes(): number {
    return this.#ordinals.length * 9 + this.#hashes.length * 12
  }

  add(hash: number, ordinal: number, impact: number): void {
    const entry = this.#entryCount
    if (entry === this.#ordinals.length) this.#growEntries()
    const slot = this.#slotFor(hash)
    this.#ordinals[entry] = ordinal
    this.#impacts[entry] = impact
    this.#previous[entry] = this.#slots[slot * 2]!
    this.#slots[slot * 2] = entry + 1
    this.#slots[slot * 2 + 1]!++
    this.#entryCount = entry + 1
  }

  countOf(hash: number): number {
    return this.#slots[this.#find(hash) * 2 + 1]!
  }

  read(hash: number): WordList {
    const slot = this.#find(hash)
    const count = this.#slots[slot * 2 + 1]!
    if (count === 0) return EMPTY_LIST
    const ordinals = new Uint32Array(count)
    const impacts = new Uint8Array(count)
    let entry = this.#slots[slot * 2]!
    for (let index = count - 1; index >= 0; index--) {
      ordinals[index] = this.#ordinals[entry - 1]!
      impacts[index] = this.#impacts[entry - 1]!
      entry = this.#previous[entry - 1]!
    }
    return { ordinals, impacts }
  }

  /** The hashes of all words, lowest first. */
  sortedHashes(): Uint32Array {
    const hashes = new Uint32Array(this.#wordCount)
    let found = 0
    for (let slot = 0; slot < this.#hashes.length; slot++) {
      if (this.#slots[slot * 2] !== 0) hashes[found++] = this.#hashes[slot]!
    }
    return hashes.sort()
  }

  #slotFor(hash: number): number {
    const slot = this.#find(hash)
    if (this.#slots[slot * 2] !== 0) return slot
    this.#hashes[slot] = hash
    this.#wordCount++
    if (this.#wordCount * 2 <= this.#hashes.length) return slot
    this.#growSlots()
    return this.#find(hash)
  }

  /** The slot of this word, or the free one where it would be. */
  #find(hash: number): number {
    const mask = this.#hashes.length - 1
    let slot = hash & mask
    while (this.#slots[slot * 2] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask
    return slot
  }

  #growSlots(): void {
    const slots = this.#slots
    const hashes = this.#hashes
    this.#slots = new Uint32Array(slots.length * 2)
    this.#hashes = new Uint32Array(hashes.length * 2)
    for (let old = 0; old < hashes.length; old++) {
      if (slots[old * 2] === 0) continue
      const slot = this.#find(hashes[old]!)
      this.#hashes[slot] = hashes[old]!
      this.#slots[slot * 2] = slots[old * 2]!
      this.#slots[slot * 2 + 1] = slots[old * 2 + 1]!
    }
  }

  #growEntries(): void {
    this.#ordinals = grownU32(this.#ordinals, this.#entryCount + 1)
    this.#previous = grownU32(this.#previous, this.#entryCount + 1)
    const impacts = new Uint8Array(this.#ordinals.length)
    impacts.set(this.#impacts)
    this.#impacts = impacts
  }
}
