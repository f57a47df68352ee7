import type { Filter } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { planAccess } from '../planner.ts'
import { hasSearchText } from '../search/index.ts'
import { CompiledFilter } from './compiled-filter.ts'
import type { IndexKey } from './index-key.ts'
import { isMatch, type ScanLimits } from './match-stream.ts'
import type { Restriction } from './restriction.ts'
import { type LogQuery, openQuery } from './search/open-query.ts'
import type { Postings, Segment } from './segment.ts'
import type { SegmentSet } from './segment-set.ts'
import type { SlicedTask } from './sliced-task.ts'

/** Matches taken from a query at a time when a count has to walk. */
const PAGE_EVENTS = 4_096

/** Entries of lists that are looked at one by one in a single step: some tens of nanoseconds each. */
const MAX_LOOKED_AT = 30_000
const MAX_LOOK_UPS = 2_000

/**
 * Counts the different visible events that match any of the filters (NIP-45). When one filter's access path
 * says everything about it, the lengths of its lists are the answer, less what was removed, has expired or is not for
 * this reader.
 */
export function openCount(
  set: SegmentSet,
  filters: readonly Filter[],
  limits: ScanLimits,
): SlicedTask<number> {
  const exact = filters.length === 1 ? exactLists(set, filters[0]!, limits.audience) : undefined
  if (exact !== undefined) {
    const { keys, restriction } = exact
    const isPlain = restriction === undefined && !set.segments.some((segment) => segment.hasExpirations)
    if (isPlain) return countLists(set, keys)
    if (areShort(set, keys)) return countVisible(set, exact, limits)
  }
  return countMatches(openQuery(set, filters.map(withoutLimit), limits))
}

export function withoutLimit({ limit: _, ...filter }: Filter): Filter {
  return filter
}

interface ExactLists {
  /** Their lists hold exactly the filter's matches, no event in two of them. */
  readonly keys: readonly IndexKey[]
  /** What the lists also hold and the reader may not see. */
  readonly restriction: Restriction | undefined
}

/** Undefined if there are no such lists. */
function exactLists(set: SegmentSet, filter: Filter, audience: Audience | undefined): ExactLists | undefined {
  const isBounded = filter.since !== undefined || filter.until !== undefined || filter.ids !== undefined
  if (isBounded || hasSearchText(filter)) return undefined
  const compiled = new CompiledFilter(withoutLimit(filter), set.hasher, audience)
  const path = planAccess(compiled.filter, ({ by }) => SPECIFICITY[by])
  // An event can have two values of a tag, but only one author and one kind.
  if (path.by === 'tag' && path.values.length > 1) return undefined
  const { authors, kinds, tags } = compiled.residual(path)
  const isExact = authors === undefined && kinds === undefined && tags.length === 0
  const keys = isExact ? compiled.keysOf(path) : undefined
  return keys && { keys, restriction: compiled.restriction }
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

/** May the lists be looked through in one step? Asking takes a look-up for each key in each segment, so there is a bound on that too. */
function areShort({ segments }: SegmentSet, keys: readonly IndexKey[]): boolean {
  if (keys.length * segments.length > MAX_LOOK_UPS) return false
  let entries = 0
  for (const segment of segments) for (const key of keys) entries += segment.find(key)?.count ?? 0
  return entries <= MAX_LOOKED_AT
}

const NOTHING_LEFT = { ids: undefined, authors: undefined, kinds: undefined, tags: [] }

/** In one step, so that no segment is exchanged while its events are read. */
function countVisible(
  set: SegmentSet,
  { keys, restriction }: ExactLists,
  limits: ScanLimits,
): SlicedTask<number> {
  const conditions = { residual: NOTHING_LEFT, restriction }
  let value = 0
  const look = (segment: Segment, postings: Postings) => {
    for (let index = 0; index < postings.count; index++) {
      const ordinal = postings.at(index)
      // Reading it may show that the disk has damaged it.
      if (isMatch(segment, ordinal, conditions, limits) && !segment.isRemoved(ordinal)) value++
    }
  }
  return {
    get value() {
      return value
    },
    step: () => {
      for (const segment of set.segments) {
        for (const key of keys) {
          const postings = segment.find(key)
          if (postings !== undefined) look(segment, postings)
        }
      }
      return true
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
