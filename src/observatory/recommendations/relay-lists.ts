/** What contact lists and relay lists say, cut to what is looked at. */
import { isHex64, KINDS, type NostrEvent } from '../../nostr/index.ts'

/** Further follows are not looked at. */
export const MAX_FOLLOWS = 2_000
/** NIP-65 asks for two to four; further ones of a list are not looked at. */
export const MAX_WRITE_RELAYS = 12

/** Those whom a contact list (kind 3, NIP-02) follows, without its author, each once. */
export function followsOf({ pubkey, tags }: NostrEvent): readonly string[] {
  const follows = new Set<string>()
  for (const [name, key] of tags) {
    if (name === 'p' && isHex64(key) && key !== pubkey) follows.add(key)
    if (follows.size === MAX_FOLLOWS) break
  }
  return [...follows]
}

/** Relays that the author of a relay list (kind 10002) writes to: those without a marker, or marked `write` (NIP-65). */
export function writeRelaysOf({ kind, tags }: NostrEvent): readonly string[] {
  if (kind !== KINDS.RELAY_LIST) return []
  return tags
    .flatMap(([name, url, marker = '']) =>
      name === 'r' && url !== undefined && (marker === '' || marker === 'write') ? [url] : [],
    )
    .slice(0, MAX_WRITE_RELAYS)
}
