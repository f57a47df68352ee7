import { impactOf, lengthClassOf, PHRASE_SCORE, termScore } from './impact.ts'
import type { SearchQuery } from './search-query.ts'
import { type SearchableEvent, searchablePieces } from './searchable-text.ts'
import { readableText, WordReader } from './words.ts'

/**
 * Reference: does the event hold every word of the search (NIP-50)? Stored and live events are matched by this. A
 * search without text is no condition.
 */
export function matchesSearch(query: SearchQuery, event: SearchableEvent): boolean {
  return relevanceOf(query, event) !== undefined
}

/**
 * How well an event answers a search: a whole number, 0 for a search without text, undefined when a word is missing.
 * It depends on the query and the event alone, so that every engine gives the same order, today and tomorrow.
 */
export function relevanceOf(query: SearchQuery, event: SearchableEvent): number | undefined {
  if (!query.hasText) return 0
  if (query.terms.length === 0) return undefined
  const tally = new Tally(query)
  for (const { text, weight } of searchablePieces(event)) tally.read(readableText(text), weight)
  return tally.score()
}

/** How many words a run of a script without spaces is taken for. */
export function wordsInRun(units: number): number {
  return Math.max(1, units >>> 1)
}

/** Counts the words of one query in one event. */
class Tally {
  readonly #query: SearchQuery
  /** For each term the places in the sequence where it stands, as bits. */
  readonly #placesOf: Int32Array
  readonly #occurrences: Int32Array
  readonly #lastPlace: number
  #words = 0
  #hasPhrase = false

  constructor(query: SearchQuery) {
    const { terms, sequence } = query
    this.#query = query
    this.#occurrences = new Int32Array(terms.length)
    this.#placesOf = new Int32Array(terms.length)
    sequence.forEach((term, place) => {
      this.#placesOf[term]! |= 1 << place
    })
    this.#lastPlace = 1 << (sequence.length - 1)
  }

  /** @param text from `readableText`. */
  read(text: string, weight: number): void {
    reader.open(text)
    // Bit n is set while the words read last are the first n + 1 of the sequence.
    let matched = 0
    while (reader.next()) {
      this.#words += reader.isUnspaced ? wordsInRun(reader.end - reader.start) : 1
      const places = reader.isUnspaced ? this.#countInRun(weight) : this.#countWord(weight)
      matched = ((matched << 1) | 1) & places
      if ((matched & this.#lastPlace) !== 0) this.#hasPhrase = true
    }
  }

  score(): number | undefined {
    const lengthClass = lengthClassOf(this.#words)
    let score = 0
    for (const occurrences of this.#occurrences) {
      if (occurrences === 0) return undefined
      score += termScore(impactOf(occurrences, lengthClass))
    }
    return this.#hasPhrase && this.#query.sequence.length > 1 ? score + PHRASE_SCORE : score
  }

  /** Returns the places in the sequence that the word fills. */
  #countWord(weight: number): number {
    const { terms } = this.#query
    const { text, start, end } = reader
    for (let index = 0; index < terms.length; index++) {
      const term = terms[index]!
      if (term.text.length !== end - start || term.isUnspaced || !text.startsWith(term.text, start)) continue
      this.#occurrences[index]! += weight
      return this.#placesOf[index]!
    }
    return 0
  }

  #countInRun(weight: number): number {
    const { terms } = this.#query
    let run: string | undefined
    let places = 0
    for (let index = 0; index < terms.length; index++) {
      const term = terms[index]!
      if (!term.isUnspaced) continue
      run ??= reader.text.slice(reader.start, reader.end)
      const count = countWithin(run, term.text)
      if (count === 0) continue
      this.#occurrences[index]! += count * weight
      places |= this.#placesOf[index]!
    }
    return places
  }
}

/** Used within one call only. */
const reader = new WordReader()

function countWithin(run: string, text: string): number {
  let count = 0
  for (let at = run.indexOf(text); at >= 0; at = run.indexOf(text, at + 1)) count++
  return count
}
