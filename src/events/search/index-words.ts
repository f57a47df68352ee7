import { impactOf, lengthClassOf } from './impact.ts'
import { wordsInRun } from './relevance.ts'
import type { SearchTerm } from './search-query.ts'
import { type SearchableEvent, searchablePieces } from './searchable-text.ts'
import { readableText, WordReader } from './words.ts'

/**
 * Finds what an index files an event under: 32-bit hashes of its words, each with its impact. Of a run of a script
 * without spaces these are its characters and its pairs of neighbours. Two words may share a hash: an index proposes,
 * and `relevanceOf` decides. Reused from event to event.
 */
export class IndexedWords {
  /** How many different hashes the event has. */
  count = 0
  hashes: Uint32Array = new Uint32Array(512)
  readonly #reader = new WordReader()
  #occurrences: Uint16Array = new Uint16Array(512)
  /** Places in `hashes` plus one, by hash; open addressing, at most half full. */
  #slots = new Uint32Array(1_024)
  #words = 0
  #lengthClass = 0

  /** Reads the words of an event. */
  read(event: SearchableEvent): void {
    this.#clear()
    for (const { text, weight } of searchablePieces(event)) this.#readPiece(readableText(text), weight)
    this.#lengthClass = lengthClassOf(this.#words)
  }

  /** The impact of the word at `index`. */
  impactAt(index: number): number {
    return impactOf(this.#occurrences[index]!, this.#lengthClass)
  }

  #readPiece(text: string, weight: number): void {
    const reader = this.#reader
    reader.open(text)
    while (reader.next()) {
      const { start, end } = reader
      this.#words += reader.isUnspaced ? wordsInRun(end - start) : 1
      if (reader.isUnspaced) forEachGram(text, start, end, (hash) => this.#count(hash, weight))
      else this.#count(hashOf(text, start, end), weight)
    }
  }

  #count(hash: number, weight: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash & mask
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const index = slots[slot]! - 1
      if (this.hashes[index] !== hash) continue
      // Far above what an impact can tell, and far below what the array can hold.
      this.#occurrences[index] = Math.min(this.#occurrences[index]! + weight, 1_000)
      return
    }
    const index = this.count++
    slots[slot] = index + 1
    this.hashes[index] = hash
    this.#occurrences[index] = weight
    if (this.count === this.hashes.length) this.#grow()
  }

  #clear(): void {
    const mask = this.#slots.length - 1
    // Emptying the few slots in use is cheaper than emptying all, except after a long text.
    if (this.count * 4 > this.#slots.length) this.#slots.fill(0)
    else {
      for (let index = 0; index < this.count; index++) {
        let slot = this.hashes[index]! & mask
        while (this.#slots[slot] !== 0) {
          this.#slots[slot] = 0
          slot = (slot + 1) & mask
        }
      }
    }
    this.count = 0
    this.#words = 0
  }

  #grow(): void {
    const hashes = new Uint32Array(this.hashes.length * 2)
    hashes.set(this.hashes)
    this.hashes = hashes
    const occurrences = new Uint16Array(hashes.length)
    occurrences.set(this.#occurrences)
    this.#occurrences = occurrences
    this.#slots = new Uint32Array(hashes.length * 2)
    const mask = this.#slots.length - 1
    for (let index = 0; index < this.count; index++) {
      let slot = hashes[index]! & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = index + 1
    }
  }
}

/** The hashes under which every event that holds this term is filed. */
export function indexHashesOf({ text, isUnspaced }: SearchTerm): readonly number[] {
  if (!isUnspaced) return [hashOf(text, 0, text.length)]
  const hashes = new Set<number>()
  forEachGram(text, 0, text.length, (hash, characters) => {
    // Pairs say more than single characters do, which are looked up only where there is no pair.
    if (characters === 2 || isOneCharacter(text)) hashes.add(hash)
  })
  return [...hashes]
}

/** Visits each character and each pair of neighbours in `text[start, end)`. */
function forEachGram(
  text: string,
  start: number,
  end: number,
  visit: (hash: number, characters: 1 | 2) => void,
): void {
  let previous = -1
  for (let at = start; at < end; ) {
    const next = at + (text.codePointAt(at)! > 0xffff ? 2 : 1)
    visit(hashOf(text, at, next), 1)
    if (previous >= 0) visit(hashOf(text, previous, next), 2)
    previous = at
    at = next
  }
}

function isOneCharacter(text: string): boolean {
  return text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1)
}

/** Not seeded: who makes two words collide has only made searches for one of them look at the other's events too. */
function hashOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
