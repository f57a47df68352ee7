import type { Filter } from '../../../nostr/index.ts'
import { hasSearchText } from '../../search/index.ts'
import { LogCursor, type LogPage } from '../log-cursor.ts'
import type { ScanLimits } from '../match-stream.ts'
import type { SegmentSet } from '../segment-set.ts'
import { SearchCursor } from './search-cursor.ts'

/** A query of the log: a cursor whose pages are places in it. */
export interface LogQuery {
  next(maxEvents: number): LogPage
}

/** Opens a query, with searches among its filters or not. A search without text is no search. */
export function openQuery(set: SegmentSet, filters: readonly Filter[], limits: ScanLimits): LogQuery {
  const searches = filters.filter(hasSearchText)
  if (searches.length === 0) return new LogCursor(set, filters, limits)
  return new SearchCursor(
    set,
    { searches, plain: filters.filter((filter) => !hasSearchText(filter)) },
    limits,
  )
}
