import { compareNewestFirst } from '../../nostr/index.ts'

/** One filter with a search finds at most so many events, the most relevant ones, whatever its `limit`. */
export const MAX_SEARCH_RESULTS = 100_000

/** What the order of search results depends on. */
export interface Ranked {
  readonly score: number
  /** Seconds. */
  readonly createdAt: number
  /** 64 hex characters. */
  readonly id: string
}

/** The order of search results: most relevant first, then newest, then lowest id. For `Array.sort`. */
export function rankedBefore(a: Ranked, b: Ranked): number {
  if (a.score !== b.score) return b.score - a.score
  return compareNewestFirst({ created_at: a.createdAt, id: a.id }, { created_at: b.createdAt, id: b.id })
}
