import { type Filter, reason } from '../../../nostr/index.ts'
import type { ReadContext } from './read-policy.ts'

/**
 * Refuses a filter that asks only for what its reader cannot be shown (NIP-04, NIP-17, NIP-37, NIP-59): a client that has
 * not authenticated must hear of it, or it would take silence for an empty mailbox. Where a filter also asks for other
 * kinds, those are served and the private ones left out (`Audience`).
 *
 * @param privateKinds kinds for their author and those they name in a `p` tag.
 * @param authorOnlyKinds kinds for their author alone.
 */
export function refusePrivate(
  { kinds, authors, tags }: Filter,
  { pubkeys }: ReadContext,
  privateKinds: ReadonlySet<number>,
  authorOnlyKinds: ReadonlySet<number>,
): string | undefined {
  if (kinds === undefined || kinds.length === 0) return undefined
  const isPrivate = kinds.every((kind) => privateKinds.has(kind) || authorOnlyKinds.has(kind))
  if (!isPrivate) return undefined
  if (pubkeys.length === 0)
    return reason('auth-required', 'these kinds are private, authenticate first (NIP-42)')
  const isMine = (pubkey: string): boolean => pubkeys.includes(pubkey)
  const recipients = tags?.find(({ name }) => name === 'p')?.values
  const mayBeAuthor = authors === undefined || authors.some(isMine)
  const mayBeRecipient =
    kinds.some((kind) => privateKinds.has(kind)) && (recipients === undefined || recipients.some(isMine))
  // Who names neither itself as author nor as recipient asks for the messages of others.
  if (recipients !== undefined && !mayBeRecipient && (authors === undefined || !mayBeAuthor)) return OF_OTHERS
  return mayBeAuthor || mayBeRecipient ? undefined : OF_OTHERS
}

const OF_OTHERS = reason(
  'restricted',
  'these kinds are private, and none of the keys you proved is concerned',
)
