import type { Filter } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { planAccess } from '../planner.ts'
import { hasSearchText } from '../search/index.ts'
import { CompiledFilter } from './compiled-filter.ts'
import type { IndexKey } from './index-key.ts'
import type { ScanLimits } from './match-stream.ts'
import { type LogQuery, openQuery } from './search/open-query.ts'
import type { Postings, Segment } from './segment.ts'
import type { SegmentSet } from './segment-set.ts'
import type { SlicedTask } from './sliced-task.ts'

/** Matches taken from a query at a time when a count has to walk. */
const PAGE_EVENTS = 4_096

/**
 * Counts the different visible events that match any of the filters (NIP-45). When one filter's access path
 * says everything about it, the lengths of its lists are the answer, less what was removed.
 */
export function openCount(
  set: SegmentSet,
  filters: readonly Filter[],
  limits: ScanLimits,
): SlicedTask<number> {
  const keys = filters.length === 1 ? exactKeys(set, filters[0]!, limits.audience) : undefined
  if (keys !== undefined) return countLists(set, keys)
  return countMatches(openQuery(set, filters.map(withoutLimit), limits))
}

export function withoutLimit({ limit: _, ...filter }: Filter): Filter {
  return filter
}

/** The keys whose lists hold exactly the filter's matches, no event in two of them; undefined if there are none. */
function exactKeys(
  set: SegmentSet,
  filter: Filter,
  audience: Audience | undefined,
): readonly IndexKey[] | undefined {
  const isBounded = filter.since !== undefined || filter.until !== undefined || filter.ids !== undefined
  if (isBounded || hasSearchText(filter) || set.segments.some((segment) => segment.hasExpirations))
    return undefined
  const compiled = new CompiledFilter(withoutLimit(filter), set.hasher, audience)
  // The lists also hold events that this reader may not see.
  if (compiled.restriction !== undefined) return undefined
  const path = planAccess(compiled.filter, ({ by }) => SPECIFICITY[by])
  // An event can have two values of a tag, but only one author and one kind.
  if (path.by === 'tag' && path.values.length > 1) return undefined
  const { authors, kinds, tags } = compiled.residual(path)
  const isExact = authors === undefined && kinds === undefined && tags.length === 0
  return isExact ? compiled.keysOf(path) : undefined
}

/** Prefers the path that leaves the least to check. */
const SPECIFICITY = { ids: 5, 'author-kind': 1, tag: 2, author: 3, kind: 4, time: 6 } as const

function countLists(set: SegmentSet, keys: readonly IndexKey[]): SlicedTask<number> {
  const { segments } = set
  let next = 0
  let value = 0
  return {
    get value() {
      return value
    },
    step: () => {
      const segment = segments[next++]
      if (segment !== undefined) {
        for (const key of keys) value += countStored(segment, segment.find(key))
      }
      return next >= segments.length
    },
  }
}

function countStored(segment: Segment, postings: Postings | undefined): number {
  if (postings === undefined) return 0
  if (segment.removedCount === 0) return postings.count
  let stored = 0
  for (let index = 0; index < postings.count; index++) {
    if (!segment.isRemoved(postings.at(index))) stored++
  }
  return stored
}

function countMatches(cursor: LogQuery): SlicedTask<number> {
  let value = 0
  return {
    get value() {
      return value
    },
    step: () => {
      const page = cursor.next(PAGE_EVENTS)
      value += page.count
      return page.done
    },
  }
}
