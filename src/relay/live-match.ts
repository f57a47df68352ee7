import { isLeftOutAsSpam, matchesSearch, type SearchQuestion, searchOf } from '../events/index.ts'
import { type Filter, matchesFilter, type NostrEvent } from '../nostr/index.ts'

/** What people typed is read once for each filter. */
const questions = new WeakMap<Filter, SearchQuestion>()

/** Does a new event match the filter, its words (NIP-50) included, and spam left out as in the store? */
export function matchesLive(filter: Filter, event: NostrEvent): boolean {
  if (!matchesFilter(filter, event)) return false
  if (filter.search === undefined) return true
  const question = questionOf(filter)
  return matchesSearch(question.query, event) && !isLeftOutAsSpam(question, event)
}

function questionOf(filter: Filter): SearchQuestion {
  let question = questions.get(filter)
  if (question === undefined) {
    question = searchOf(filter)
    questions.set(filter, question)
  }
  return question
}
