import { rmSync } from 'node:fs'
import { AppError } from '../../../kernel/index.ts'
import { ActiveSegment } from '../active-segment.ts'
import type { StoreNotice } from '../notices.ts'
import type { PageCache } from '../paged-column.ts'
import { isSealed, type SealedSegment } from '../sealed-segment.ts'
import type { Segment } from '../segment.ts'
import type { SegmentSet } from '../segment-set.ts'
import { ActiveWords } from './active-words.ts'
import { SealedWords } from './sealed-words.ts'
import { wordsPath } from './word-file.ts'
import type { WordLists } from './word-lists.ts'

export interface WordIndexesOptions {
  readonly folder: string
  readonly set: SegmentSet
  readonly cache: PageCache
  readonly notify: (notice: StoreNotice) => void
  /** A sealed segment has no words that can be used: they should be built. */
  readonly onLacking: (segment: SealedSegment) => void
}

/**
 * The word indexes of a store's segments. They are opened, or begun, when they are first asked for, and closed when
 * their segment is no longer part of the store. A segment may have none for a while: searching it then takes longer.
 */
export class WordIndexes {
  readonly #options: WordIndexesOptions
  readonly #active = new Map<ActiveSegment, ActiveWords>()
  /** Undefined for a segment without a usable file; to be looked at again when one was built. */
  readonly #sealed = new Map<SealedSegment, SealedWords | undefined>()
  /** The segments as of the last look. */
  #seen: readonly Segment[] = []

  constructor(options: WordIndexesOptions) {
    this.#options = options
  }

  get memoryBytes(): number {
    let total = 0
    for (const words of this.#active.values()) total += words.memoryBytes
    for (const words of this.#sealed.values()) total += words?.memoryBytes ?? 0
    return total
  }

  /** The words of a segment that is still being written, or waits for its index file; perhaps not complete. */
  activeOf(segment: ActiveSegment): ActiveWords {
    this.#forgetOld()
    let words = this.#active.get(segment)
    if (words === undefined) {
      words = new ActiveWords(segment)
      this.#active.set(segment, words)
    }
    return words
  }

  /** The words of a sealed segment, or undefined when there are none that can be used. */
  sealedOf(segment: SealedSegment): SealedWords | undefined {
    this.#forgetOld()
    if (this.#sealed.has(segment)) return this.#sealed.get(segment)
    const { folder, cache, onLacking } = this.#options
    const words = SealedWords.open(wordsPath(folder, segment.id), segment.header.checksum, cache)
    this.#sealed.set(segment, words)
    if (words === undefined) onLacking(segment)
    return words
  }

  /** New words were built for this segment. */
  noteBuilt(segment: SealedSegment): void {
    this.#sealed.get(segment)?.close()
    this.#sealed.delete(segment)
  }

  /**
   * Reads from the words of a segment. When they turn out to be damaged, they are thrown away, to be built anew, and
   * the answer is undefined.
   */
  reading<T>(segment: Segment, words: WordLists, read: (words: WordLists) => T): T | undefined {
    try {
      return read(words)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'STORE_DAMAGED' || !isSealed(segment)) throw error
      this.#drop(segment, error.message)
      return undefined
    }
  }

  /** Files some events that came in since the last time; false when there is nothing left to do. */
  catchUp(maxWords: number): boolean {
    for (const segment of this.#options.set.segments) {
      if (!(segment instanceof ActiveSegment)) continue
      const words = this.activeOf(segment)
      if (words.isComplete) continue
      words.catchUp(maxWords)
      return true
    }
    return false
  }

  close(): void {
    for (const words of this.#sealed.values()) words?.close()
    this.#sealed.clear()
    this.#active.clear()
  }

  #drop(segment: SealedSegment, reason: string): void {
    const { folder, notify, onLacking } = this.#options
    const file = wordsPath(folder, segment.id)
    this.#sealed.get(segment)?.close()
    this.#sealed.set(segment, undefined)
    rmSync(file, { force: true })
    notify({ event: 'store.index_rebuilt', level: 'warn', facts: { file, reason } })
    onLacking(segment)
  }

  #forgetOld(): void {
    const { segments } = this.#options.set
    if (segments === this.#seen) return
    this.#seen = segments
    const current = new Set<Segment>(segments)
    for (const segment of this.#active.keys()) if (!current.has(segment)) this.#active.delete(segment)
    for (const [segment, words] of this.#sealed) {
      if (current.has(segment)) continue
      words?.close()
      this.#sealed.delete(segment)
    }
  }
}
