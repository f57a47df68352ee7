/** After the first failure; doubled with each further one. */
export const FIRST_RETRY_MS = 30_000
export const MAX_RETRY_MS = 86_400_000
/** A relay that was good within the last day is most likely only restarting. */
export const MAX_GOOD_RETRY_MS = 900_000
/** A relay that wants us to be somebody, or to pay, does not change its mind within minutes. */
export const REFUSED_RETRY_MS = 6 * 3_600_000

/** Up to a fifth more or less, so that relays that failed together are not tried together. */
const JITTER = 0.2

export interface RetryFacts {
  /** Tries in a row that came to nothing, at least 1. */
  readonly failures: number
  readonly wasGood: boolean
  /** It said that it does not serve us as we are. */
  readonly isRefused: boolean
  /** From 0 to 1, evenly spread. */
  readonly random: number
}

/** How long to wait before a relay is tried again, in milliseconds. */
export function retryDelayMs({ failures, wasGood, isRefused, random }: RetryFacts): number {
  const longest = wasGood && !isRefused ? MAX_GOOD_RETRY_MS : MAX_RETRY_MS
  // Beyond 2¹² the longest delay is reached anyhow.
  const doubled = FIRST_RETRY_MS * 2 ** Math.min(Math.max(failures, 1) - 1, 12)
  const delay = Math.max(doubled, isRefused ? REFUSED_RETRY_MS : 0)
  return Math.min(longest, Math.min(longest, delay) * (1 - JITTER + 2 * JITTER * random))
}
