/** What a relay means when it closes a subscription or complains (the prefixes of NIP-01). */
export type ClosedMeaning =
  /** It does not serve strangers. */
  | 'refused'
  /** Later, it says. */
  | 'slower'
  /** Not so many at once, it says. */
  | 'fewer'
  /** Anything else: it may serve something narrower. */
  | 'narrower'

export function meaningOf(text: string): ClosedMeaning {
  const lower = text.toLowerCase()
  if (/^(auth-required|restricted|blocked)\b/.test(lower)) return 'refused'
  if (/^rate-limited\b|rate.?limit|slow down/.test(lower)) return 'slower'
  if (/too many|max(imum)? (number of )?(concurrent )?(subscriptions|reqs)|concurrent/.test(lower))
    return 'fewer'
  return 'narrower'
}
