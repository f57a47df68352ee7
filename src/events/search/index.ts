export { MAX_TERM_SCORE, occurrencesIn, PHRASE_SCORE, termScore } from './impact.ts'
export { IndexedWords, indexHashesOf } from './index-words.ts'
export { MAX_SEARCH_RESULTS, type Ranked, rankedBefore } from './ranking.ts'
export { matchesSearch, relevanceOf } from './relevance.ts'
export {
  hasSearchText,
  MAX_SEARCH_WORDS,
  parseSearch,
  type SearchExtension,
  type SearchQuery,
  type SearchTerm,
} from './search-query.ts'
export { isSearchedKind, type SearchableEvent } from './searchable-text.ts'
export { isLeftOutAsSpam, type SearchQuestion, searchOf } from './spam-filter.ts'
export {
  isSpamScoredKind,
  SPAM_SIGN_WEIGHTS,
  type SpamTextSign,
  spamScoreOf,
  spamSignsOf,
} from './spam-signs.ts'
export { TopRanked } from './top-ranked.ts'
