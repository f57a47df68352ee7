import type { NostrEvent } from './event.ts'
import { isHex64 } from './hex.ts'
import { KINDS, parseAddress } from './kinds.ts'

export interface DeletionTargets {
  /** Exact events, at whatever time they were made, if `mayDelete` says so of each. */
  readonly ids: readonly string[]
  /** Of each, the versions with `created_at` up to the deletion's; in the form of `addressOf`. */
  readonly addresses: readonly string[]
}

/**
 * What a deletion request (kind 5, NIP-09) names by `e` and `a` tags, without repeats. Malformed values and
 * addresses of other authors are passed over; whose events the ids are, only the events can tell.
 */
export function deletionTargets(deletion: NostrEvent): DeletionTargets {
  const ids = new Set<string>()
  const addresses = new Set<string>()
  for (const [name, value] of deletion.tags) {
    if (name === 'e' && isHex64(value)) ids.add(value)
    if (name === 'a' && value !== undefined && isAddressBy(deletion.pubkey, value)) addresses.add(value)
  }
  return { ids: [...ids], addresses: [...addresses] }
}

/**
 * May this deletion remove this event? Its author may; a gift wrap, whose author is a throw-away key, goes
 * by its recipient as well (NIP-59). Deletions and requests to vanish cannot be deleted (NIP-09, NIP-62).
 */
export function mayDelete(
  deletion: Pick<NostrEvent, 'kind' | 'pubkey'>,
  target: Pick<NostrEvent, 'kind' | 'pubkey' | 'tags'>,
): boolean {
  if (deletion.kind !== KINDS.DELETION) return false
  if (target.kind === KINDS.DELETION || target.kind === KINDS.VANISH) return false
  if (target.pubkey === deletion.pubkey) return true
  return (
    target.kind === KINDS.GIFT_WRAP &&
    target.tags.some(([name, value]) => name === 'p' && value === deletion.pubkey)
  )
}

function isAddressBy(pubkey: string, value: string): boolean {
  return parseAddress(value)?.pubkey === pubkey
}
