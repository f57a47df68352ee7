import {
  indexHashesOf,
  MAX_TERM_SCORE,
  occurrencesIn,
  PHRASE_SCORE,
  type SearchQuery,
  termScore,
} from '../../search/index.ts'
import type { WordList, WordLists } from './word-lists.ts'

/** A list that is so many times longer than what is left of the candidates is not read: looking at these is cheaper. */
const MAX_LENGTH_RATIO = 200

/** The lists of one word, or of all pairs of characters of a run. */
interface TermLists {
  readonly hashes: readonly number[]
  readonly counts: readonly number[]
}

/**
 * The events of a segment that may match a search: those that are in the lists of all its words, each with the most
 * that it can score. Made list by list, so that others get their turn in between.
 */
export class WordCandidates {
  /** Lowest first. */
  ordinals: Uint32Array = new Uint32Array(0)
  /** The most that each of `ordinals` can score. */
  bounds: Uint16Array = new Uint16Array(0)
  readonly #lists: WordLists
  readonly #terms: readonly TermLists[]
  /** The rarest hash, whose list comes first. */
  readonly #first: number
  #step = 0

  constructor(query: SearchQuery, lists: WordLists) {
    this.#lists = lists
    this.#terms = query.terms.map((term) => {
      const hashes = indexHashesOf(term)
      return { hashes, counts: hashes.map((hash) => lists.countOf(hash)) }
    })
    const rarest = this.#terms
      .flatMap(({ hashes, counts }) => hashes.map((hash, index) => ({ hash, count: counts[index]! })))
      .reduce((a, b) => (b.count < a.count ? b : a))
    this.#first = rarest.hash
    this.count = rarest.count
  }

  /** No more events than this are candidates. */
  readonly count: number

  get isReady(): boolean {
    return this.#step > this.#terms.length
  }

  /** Does the next piece of the work; returns how many list entries it went over. */
  step(): number {
    const step = this.#step++
    if (step === 0) {
      this.ordinals = this.#lists.read(this.#first).ordinals
      this.bounds = new Uint16Array(this.ordinals.length)
      if (this.#terms.length > 1) this.bounds.fill(PHRASE_SCORE)
      return this.ordinals.length
    }
    return this.#narrow(this.#terms[step - 1]!)
  }

  #narrow({ hashes, counts }: TermLists): number {
    let work = 0
    // The least impact of each candidate so far: a run occurs no more often than the rarest of its pairs.
    let impacts = new Uint8Array(this.ordinals.length).fill(NO_IMPACT)
    for (let index = 0; index < hashes.length; index++) {
      if (this.ordinals.length === 0) return work
      if (counts[index]! > this.ordinals.length * MAX_LENGTH_RATIO) continue
      const list = this.#lists.read(hashes[index]!)
      work += list.ordinals.length + this.ordinals.length
      impacts = this.#intersect(list, impacts)
    }
    for (let index = 0; index < this.ordinals.length; index++) {
      const impact = impacts[index]!
      this.bounds[index]! += impact === NO_IMPACT ? MAX_TERM_SCORE : termScore(impact)
    }
    return work
  }

  /** Keeps the candidates that are in the list; returns the lesser impacts of those that are left. */
  #intersect(list: WordList, impacts: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { ordinals, bounds } = this
    let kept = 0
    let at = 0
    for (let index = 0; index < ordinals.length; index++) {
      const ordinal = ordinals[index]!
      while (at < list.ordinals.length && list.ordinals[at]! < ordinal) at++
      if (list.ordinals[at] !== ordinal) continue
      const impact = list.impacts[at]!
      const before = impacts[index]!
      ordinals[kept] = ordinal
      bounds[kept] = bounds[index]!
      impacts[kept] = before === NO_IMPACT || occurrencesIn(impact) < occurrencesIn(before) ? impact : before
      kept++
    }
    this.ordinals = ordinals.subarray(0, kept)
    this.bounds = bounds.subarray(0, kept)
    return impacts.subarray(0, kept)
  }
}

/** No event has this impact: a word that is there occurs at least once. */
const NO_IMPACT = 0
