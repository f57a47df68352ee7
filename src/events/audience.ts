import type { NostrEvent } from '../nostr/index.ts'

/**
 * Who will read an answer, for events that not everybody may see. Plain data, so that it travels between threads.
 * Stores and the live path must agree with `mayRead`.
 */
export interface Audience {
  /** Keys that the reader proved to hold (NIP-42), lowercase hex. */
  readonly pubkeys: readonly string[]
  /** Kinds that only their author and those they name in a `p` tag may read (NIP-04, NIP-17, NIP-59). */
  readonly privateKinds: readonly number[]
  /** Kinds that only their author may read (NIP-37). */
  readonly authorOnlyKinds: readonly number[]
  /** Kinds that this reader may not see at all. */
  readonly hiddenKinds: readonly number[]
}

/** Reference: may this reader see this event? */
export function mayRead(audience: Audience, event: Pick<NostrEvent, 'kind' | 'pubkey' | 'tags'>): boolean {
  const { pubkeys, privateKinds, authorOnlyKinds, hiddenKinds } = audience
  if (hiddenKinds.includes(event.kind)) return false
  const isForAuthor = authorOnlyKinds.includes(event.kind)
  if (!isForAuthor && !privateKinds.includes(event.kind)) return true
  if (pubkeys.includes(event.pubkey)) return true
  return !isForAuthor && event.tags.some(([name, value]) => name === 'p' && pubkeys.includes(value ?? ''))
}
