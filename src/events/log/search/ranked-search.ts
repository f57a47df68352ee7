import type { Filter } from '../../../nostr/index.ts'
import { MAX_SEARCH_RESULTS, type Ranked, TopRanked } from '../../search/index.ts'
import type { ScanLimits } from '../match-stream.ts'
import { idOf, type Segment } from '../segment.ts'
import type { SegmentSet } from '../segment-set.ts'
import { SearchScan } from './search-scan.ts'
import type { SearchVisitor } from './segment-search.ts'

/** An event that a search found, by what stays the same wherever the event is moved to. */
export interface Found extends Ranked {
  readonly seq: number
}

/** Finds the most relevant matches of one filter, in slices. */
export class RankedSearch implements SearchVisitor {
  readonly #scan: SearchScan
  readonly #top: TopRanked<Found>
  /** Of what is among the best so far: a segment that is searched again offers the same events. */
  readonly #seqs = new Set<number>()

  constructor(set: SegmentSet, filter: Filter, limits: ScanLimits) {
    this.#scan = new SearchScan(set, filter, limits)
    this.#top = new TopRanked(Math.min(filter.limit ?? MAX_SEARCH_RESULTS, MAX_SEARCH_RESULTS))
  }

  /** Searches on; true when `found` is complete. */
  step(): boolean {
    return this.#scan.step(this)
  }

  /** Most relevant first. */
  found(): readonly Found[] {
    return this.#top.sorted()
  }

  mayTake(scoreAtMost: number, createdAt: number): boolean {
    return this.#top.mayTake(scoreAtMost, createdAt)
  }

  take(segment: Segment, ordinal: number, score: number): void {
    const seq = segment.seqOf(ordinal)
    if (this.#seqs.has(seq)) return
    this.#seqs.add(seq)
    const createdAt = segment.createdAtOf(ordinal)
    const dropped = this.#top.offer({ score, createdAt, id: idOf(segment, ordinal), seq })
    if (dropped !== undefined) this.#seqs.delete(dropped.seq)
  }
}
