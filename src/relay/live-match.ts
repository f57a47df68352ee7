import { matchesSearch, parseSearch, type SearchQuery } from '../events/index.ts'
import { type Filter, matchesFilter, type NostrEvent } from '../nostr/index.ts'

/** What people typed is read once for each filter. */
const queries = new WeakMap<Filter, SearchQuery>()

/** Does a new event match the filter, its words (NIP-50) included? */
export function matchesLive(filter: Filter, event: NostrEvent): boolean {
  if (!matchesFilter(filter, event)) return false
  return filter.search === undefined || matchesSearch(queryOf(filter, filter.search), event)
}

function queryOf(filter: Filter, search: string): SearchQuery {
  let query = queries.get(filter)
  if (query === undefined) {
    query = parseSearch(search)
    queries.set(filter, query)
  }
  return query
}
