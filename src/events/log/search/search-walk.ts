import { compareNewestFirst, type Filter } from '../../../nostr/index.ts'
import type { ScanLimits } from '../match-stream.ts'
import type { VisitMatch } from '../match-walk.ts'
import { type JsonRange, locate } from '../segment.ts'
import type { SegmentSet } from '../segment-set.ts'
import { RankedSearch } from './ranked-search.ts'

/** Walks over what one filter with a search finds, newest first: which events these are is decided before the first. */
export class SearchWalk {
  readonly #set: SegmentSet
  readonly #search: RankedSearch
  readonly #range: JsonRange = { start: 0, end: 0 }

  constructor(set: SegmentSet, filter: Filter, limits: ScanLimits) {
    this.#set = set
    this.#search = new RankedSearch(set, filter, limits)
  }

  /** Searches on, and visits everything at the end; true when that was done. */
  step(visit: VisitMatch): boolean {
    if (!this.#search.step()) return false
    const found = this.#search.found().map(({ id, createdAt, seq }) => ({ id, created_at: createdAt, seq }))
    for (const { id, created_at, seq } of found.sort(compareNewestFirst)) {
      const place = this.#set.findStored(Buffer.from(id, 'latin1'))
      if (place === undefined || place.segment.seqOf(place.ordinal) !== seq) continue
      locate(place.segment, place.ordinal, this.#range)
      visit(place.segment.bytes.buffer, this.#range.start, created_at)
    }
    return true
  }
}
