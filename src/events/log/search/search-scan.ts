import type { Filter } from '../../../nostr/index.ts'
import { planAccess } from '../../planner.ts'
import { searchOf } from '../../search/index.ts'
import { CompiledFilter } from '../compiled-filter.ts'
import { estimate, type ScanLimits } from '../match-stream.ts'
import type { Segment } from '../segment.ts'
import type { SegmentSet } from '../segment-set.ts'
import { Slice } from '../slice.ts'
import { type SearchPlan, type SearchVisitor, SegmentSearch } from './segment-search.ts'

/** What is done between two looks at the clock may cost, in the units of `segment-search.ts`: about a tenth of a millisecond. */
const PIECE_COST = 500

/**
 * Goes over everything that one filter with a search matches, segment by segment, in slices. Between slices the log may
 * grow, seal and compact: a segment that was exchanged meanwhile is searched again, and its matches are offered again.
 */
export class SearchScan {
  readonly #set: SegmentSet
  readonly #plan: SearchPlan
  /** Ids of segments that were searched to their end; the number of a segment is never given to another. */
  readonly #searched = new Set<number>()
  #current: SegmentSearch | undefined

  constructor(set: SegmentSet, filter: Filter, limits: ScanLimits) {
    this.#set = set
    this.#plan = makePlan(set, filter, limits)
  }

  /** Searches on; true when that was the end. */
  step(visitor: SearchVisitor): boolean {
    const slice = new Slice()
    do {
      const search = this.#currentSearch()
      if (search === undefined) return true
      search.step(visitor, PIECE_COST)
      if (!search.isDone) continue
      this.#searched.add(search.segment.id)
      this.#current = undefined
    } while (!slice.isOverNow())
    return false
  }

  /** What to go on with; undefined at the end. */
  #currentSearch(): SegmentSearch | undefined {
    const { segments, words } = this.#set
    const current = this.#current
    if (current !== undefined && segments.includes(current.segment) && current.isCurrent) return current
    const next = this.#newest(segments)
    this.#current = next && new SegmentSearch(next, this.#plan, words)
    return this.#current
  }

  /** The newest that is left: what is found there lets more of the older ones be passed over. */
  #newest(segments: readonly Segment[]): Segment | undefined {
    const { filter } = this.#plan
    return segments.findLast(
      ({ id, count, newest, oldest }) =>
        count > 0 && newest >= filter.since && oldest <= filter.until && !this.#searched.has(id),
    )
  }
}

function makePlan(set: SegmentSet, filter: Filter, limits: ScanLimits): SearchPlan {
  const compiled = new CompiledFilter(filter, set.hasher, limits.audience)
  const path = planAccess(compiled.filter, (path) => estimate(set, compiled, path))
  return {
    question: searchOf(filter),
    filter: compiled,
    keys: compiled.keysOf(path),
    // An event that was found by its words lies on no path, so that all conditions are left to check.
    conditions: { residual: compiled.residual({ by: 'time' }), restriction: compiled.restriction },
    limits,
  }
}
