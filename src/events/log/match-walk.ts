import type { Filter } from '../../nostr/index.ts'
import { hasSearchText } from '../search/index.ts'
import { CompiledFilter } from './compiled-filter.ts'
import { MatchStream, type OrderKey, type ScanLimits, SLICE_CANDIDATES } from './match-stream.ts'
import { SearchWalk } from './search/search-walk.ts'
import { type JsonRange, locate } from './segment.ts'
import type { SegmentSet } from './segment-set.ts'
import { Slice } from './slice.ts'

/** @param jsonStart where the match's JSON begins in `bytes`. @param createdAt in seconds. */
export type VisitMatch = (bytes: Buffer, jsonStart: number, createdAt: number) => void

/**
 * Walks over the matches of one filter in slices, newest first, as far as its `limit`, for those who read a few bytes of
 * each.
 */
export class MatchWalk {
  readonly #set: SegmentSet
  readonly #filter: CompiledFilter
  readonly #limits: ScanLimits
  readonly #range: JsonRange = { start: 0, end: 0 }
  #remaining: number
  #after: OrderKey | undefined
  /** In the place of everything above, when there are words to be found. */
  readonly #search: SearchWalk | undefined

  constructor(set: SegmentSet, filter: Filter, limits: ScanLimits) {
    this.#set = set
    this.#filter = new CompiledFilter(filter, set.hasher, limits.audience)
    this.#limits = limits
    this.#remaining = this.#filter.limit
    if (hasSearchText(filter)) this.#search = new SearchWalk(set, filter, limits)
  }

  /** Visits the matches of the next slice; true when it was the last. */
  step(visit: VisitMatch): boolean {
    if (this.#search !== undefined) return this.#search.step(visit)
    if (this.#remaining <= 0) return true
    const stream = new MatchStream(this.#set, this.#filter, this.#limits, this.#after)
    const slice = new Slice()
    for (;;) {
      const result = stream.next(SLICE_CANDIDATES, slice)
      if (result === 'end') return true
      if (result === 'paused') break
      this.#visit(stream, visit)
      if (this.#remaining === 0) return true
    }
    this.#after = stream.resumeKey(true)
    return false
  }

  #visit({ segment, ordinal, createdAt }: MatchStream, visit: VisitMatch): void {
    locate(segment, ordinal, this.#range)
    // Reading it may have shown that the disk has damaged it.
    if (segment.isRemoved(ordinal)) return
    this.#remaining--
    visit(segment.bytes.buffer, this.#range.start, createdAt)
  }
}
