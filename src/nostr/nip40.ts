import { parseDecimal } from './decimal.ts'
import type { NostrEvent } from './event.ts'

/**
 * When the event expires, Unix seconds (NIP-40). The first `expiration` tag decides; if its value is not a
 * plain decimal number up to 2^53-1, the event does not expire.
 */
export function expirationOf(event: Pick<NostrEvent, 'tags'>): number | undefined {
  for (const tag of event.tags) {
    if (tag[0] === 'expiration') return parseDecimal(tag[1])
  }
  return undefined
}

/** Has its time come? From the very second that the tag names. */
export function isExpired(event: Pick<NostrEvent, 'tags'>, nowSeconds: number): boolean {
  const expiresAtSeconds = expirationOf(event)
  return expiresAtSeconds !== undefined && expiresAtSeconds <= nowSeconds
}
