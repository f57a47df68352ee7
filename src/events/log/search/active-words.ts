import type { Segment } from '../segment.ts'
import { WordFiler } from './build-words.ts'
import type { WordList, WordLists } from './word-lists.ts'
import { WordTable } from './word-table.ts'

/**
 * The words of a segment that is being written, or waits for its index file. Reading words takes longer than storing
 * an event, so it is not done when one comes in: the table is some events behind until somebody lets it catch up.
 */
export class ActiveWords implements WordLists {
  readonly #segment: Segment
  readonly #table = new WordTable()
  readonly #filer: WordFiler
  #filed = 0

  constructor(segment: Segment) {
    this.#segment = segment
    this.#filer = new WordFiler(segment, this.#table)
  }

  get memoryBytes(): number {
    return this.#table.memoryBytes
  }

  get isComplete(): boolean {
    return this.#filed >= this.#segment.count
  }

  /** Reads the words of events that are not filed yet, about so many words in all. Returns how many it were. */
  catchUp(maxWords: number): number {
    let words = 0
    while (words < maxWords && !this.isComplete) {
      words += WORDS_PER_EVENT + this.#filer.file(this.#filed, this.#filed)
      this.#filed++
    }
    return words
  }

  countOf(hash: number): number {
    return this.#table.countOf(hash)
  }

  read(hash: number): WordList {
    return this.#table.read(hash)
  }
}

/** An event without words is work too. */
const WORDS_PER_EVENT = 2
