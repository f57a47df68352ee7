import { matchesSearch, type SearchQuestion, searchOf, spamScoreOf } from '../events/index.ts'
import { type Filter, matchesFilter, type NostrEvent } from '../nostr/index.ts'

/** What people typed is read once for each filter. */
const questions = new WeakMap<Filter, SearchQuestion>()
/** A text is looked at for spam once, however many search for its words. */
const scores = new WeakMap<NostrEvent, number>()

/** Does a new event match the filter, its words (NIP-50) included, and spam left out as in the store? */
export function matchesLive(filter: Filter, event: NostrEvent): boolean {
  if (!matchesFilter(filter, event)) return false
  if (filter.search === undefined) return true
  const question = questionOf(filter)
  if (!matchesSearch(question.query, event)) return false
  return question.spamFrom === Number.POSITIVE_INFINITY || scoreOf(event) < question.spamFrom
}

function scoreOf(event: NostrEvent): number {
  let score = scores.get(event)
  if (score === undefined) {
    score = spamScoreOf(event)
    scores.set(event, score)
  }
  return score
}

function questionOf(filter: Filter): SearchQuestion {
  let question = questions.get(filter)
  if (question === undefined) {
    question = searchOf(filter)
    questions.set(filter, question)
  }
  return question
}
