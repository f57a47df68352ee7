import type { NostrEvent } from './event.ts'
import { KINDS } from './kinds.ts'
import { isRelayOf } from './nip42.ts'

/** In upper case exactly: the request is for every relay there is. */
const ALL_RELAYS = 'ALL_RELAYS'

/** Does it ask that everything of its author be deleted (NIP-62)? Of which relay, `vanishTargets` says. */
export function isVanishRequest(event: Pick<NostrEvent, 'kind'>): boolean {
  return event.kind === KINDS.VANISH
}

/**
 * Whom a request to vanish means: us among others, other relays only, or nobody, which makes it invalid ("MUST include
 * at least one `relay` value"). `relayUrls` are the addresses by which this relay is known, compared as
 * `normalizeRelayUrl` does.
 */
export function vanishTargets(
  event: Pick<NostrEvent, 'tags'>,
  relayUrls: readonly string[],
): 'ours' | 'elsewhere' | 'none' {
  const named = event.tags.flatMap(([name, value = '']) => (name === 'relay' && value !== '' ? [value] : []))
  if (named.length === 0) return 'none'
  return named.some((url) => url === ALL_RELAYS || isRelayOf(url, relayUrls)) ? 'ours' : 'elsewhere'
}
