import type { Filter } from '../../../nostr/index.ts'
import { rankedBefore } from '../../search/index.ts'
import { LogCursor, LogPage, PAGE_BYTES } from '../log-cursor.ts'
import type { ScanLimits } from '../match-stream.ts'
import { type JsonRange, locate } from '../segment.ts'
import type { SegmentSet } from '../segment-set.ts'
import { type Found, RankedSearch } from './ranked-search.ts'

/**
 * A query with searches in it, in slices: first all searches are done, since any event may be the most relevant; then
 * what they found is handed out; then what the other filters find.
 */
export class SearchCursor {
  readonly #set: SegmentSet
  readonly #limits: ScanLimits
  readonly #plain: readonly Filter[]
  #searches: RankedSearch[]
  readonly #finished: RankedSearch[] = []
  /** Undefined while searches are under way. */
  #found: readonly Found[] | undefined
  #sent = 0
  #rest: LogCursor | undefined
  readonly #range: JsonRange = { start: 0, end: 0 }

  /** @param searches filters with text to search for. @param plain all others. */
  constructor(
    set: SegmentSet,
    { searches, plain }: { readonly searches: readonly Filter[]; readonly plain: readonly Filter[] },
    limits: ScanLimits,
  ) {
    this.#set = set
    this.#limits = limits
    this.#plain = plain
    this.#searches = searches
      .filter(({ limit }) => limit !== 0)
      .map((filter) => new RankedSearch(set, filter, limits))
  }

  next(maxEvents: number): LogPage {
    const page = new LogPage(this.#limits.maxSeq)
    if (!this.#search()) return page
    this.#found ??= union(this.#finished)
    if (this.#sent < this.#found.length) {
      this.#handOut(this.#found, page, maxEvents)
      page.done = this.#sent === this.#found.length && this.#plain.length === 0
      return page
    }
    if (this.#plain.length > 0) return this.#nextOfRest(this.#found, maxEvents)
    page.done = true
    return page
  }

  /** Goes on with one search; true when all are done. */
  #search(): boolean {
    const search = this.#searches[0]
    if (search === undefined) return true
    if (!search.step()) return false
    this.#finished.push(search)
    this.#searches = this.#searches.slice(1)
    return this.#searches.length === 0
  }

  #handOut(found: readonly Found[], page: LogPage, maxEvents: number): void {
    while (this.#sent < found.length && page.count < maxEvents && page.bytes < PAGE_BYTES) {
      const { id, seq } = found[this.#sent++]!
      const place = this.#set.findStored(Buffer.from(id, 'latin1'))
      // Gone since it was found, perhaps to come back as another event of the same id.
      if (place === undefined || place.segment.seqOf(place.ordinal) !== seq) continue
      locate(place.segment, place.ordinal, this.#range)
      if (!place.segment.isRemoved(place.ordinal)) page.add(place.segment, this.#range)
    }
  }

  #nextOfRest(found: readonly Found[], maxEvents: number): LogPage {
    this.#rest ??= new LogCursor(this.#set, this.#plain, this.#limits, new Set(found.map(({ seq }) => seq)))
    return this.#rest.next(maxEvents)
  }
}

/** What any of them found, each event once, with its best score. */
function union(searches: readonly RankedSearch[]): readonly Found[] {
  if (searches.length === 1) return searches[0]!.found()
  const best = new Map<number, Found>()
  for (const found of searches.flatMap((search) => search.found())) {
    const known = best.get(found.seq)
    if (known === undefined || known.score < found.score) best.set(found.seq, found)
  }
  return [...best.values()].sort(rankedBefore)
}
