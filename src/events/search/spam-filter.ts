import type { Filter } from '../../nostr/index.ts'
import { parseSearch, type SearchQuery } from './search-query.ts'
import type { SearchableEvent } from './searchable-text.ts'
import { spamScoreOf } from './spam-signs.ts'

/** What a filter with `search` asks for: the words, and from which score on spam is left out. */
export interface SearchQuestion {
  readonly query: SearchQuery
  /** In hundredths, as `spamScoreOf` counts; infinite where nothing is left out. */
  readonly spamFrom: number
}

/** Reads the search of a filter. `include:spam`, or a search without text, leaves nothing out (NIP-50). */
export function searchOf({ search = '', spamFrom = 0 }: Pick<Filter, 'search' | 'spamFrom'>): SearchQuestion {
  const query = parseSearch(search)
  const isLeftOut = spamFrom > 0 && query.hasText && !query.includesSpam
  return { query, spamFrom: isLeftOut ? spamFrom : Number.POSITIVE_INFINITY }
}

/**
 * Reference: is the event left out of this search as spam? It depends on the question and the event alone, and it costs
 * more than to find the words: engines ask it last, of what would be among the results.
 */
export function isLeftOutAsSpam({ spamFrom }: SearchQuestion, event: SearchableEvent): boolean {
  return spamFrom < Number.POSITIVE_INFINITY && spamScoreOf(event) >= spamFrom
}
