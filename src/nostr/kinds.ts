import type { NostrEvent } from './event.ts'
import { isHex64 } from './hex.ts'

/** The highest kind there is (NIP-01: "an integer between 0 and 65535"). */
export const MAX_KIND = 65535

/** Kinds that the relay treats in a way of their own. */
export const KINDS = {
  METADATA: 0,
  TEXT_NOTE: 1,
  FOLLOWS: 3,
  /** Direct message of NIP-04. */
  ENCRYPTED_DIRECT_MESSAGE: 4,
  /** NIP-09. */
  DELETION: 5,
  /** Repost of a kind 1 (NIP-18). */
  REPOST: 6,
  /** What a gift wrap holds, signed by the real author (NIP-59). */
  SEAL: 13,
  /** Repost of any other kind (NIP-18). */
  GENERIC_REPOST: 16,
  /** Request to vanish (NIP-62). */
  VANISH: 62,
  /** NIP-59. */
  GIFT_WRAP: 1059,
  /** A former version of a draft (NIP-37). */
  DRAFT_CHECKPOINT: 1234,
  /** NIP-56. */
  REPORT: 1984,
  /** The relay has a new member (NIP-43). */
  MEMBER_ADDED: 8000,
  /** Somebody is no member of the relay any more (NIP-43). */
  MEMBER_REMOVED: 8001,
  /** Relay list (NIP-65). */
  RELAY_LIST: 10002,
  /** Relays for private content, encrypted (NIP-37). */
  PRIVATE_RELAYS: 10013,
  /** Relays for direct messages (NIP-17). */
  DIRECT_MESSAGE_RELAYS: 10050,
  /** Who may use the relay (NIP-43). */
  MEMBERSHIP_LIST: 13534,
  /** Gift wrap that is never stored (NIP-59). */
  EPHEMERAL_GIFT_WRAP: 21059,
  /** NIP-42. */
  AUTH: 22242,
  /** NIP-98. */
  HTTP_AUTH: 27235,
  /** Asks for membership of the relay (NIP-43). */
  JOIN_REQUEST: 28934,
  /** An invite code, made by the relay when it is asked for (NIP-43). */
  INVITE: 28935,
  /** Gives membership back (NIP-43). */
  LEAVE_REQUEST: 28936,
  /** A draft of any event, encrypted (NIP-37). */
  DRAFT: 31234,
  /** A role that members of the relay can have (NIP-43). */
  ROLE_DEFINITION: 33534,
} as const

export type KindClass = 'regular' | 'replaceable' | 'ephemeral' | 'addressable'

/** How events of this kind are kept (NIP-01, "Kinds"). Kinds without an assigned class are regular. */
export function kindClass(kind: number): KindClass {
  if (isReplaceable(kind)) return 'replaceable'
  if (isEphemeral(kind)) return 'ephemeral'
  if (isAddressable(kind)) return 'addressable'
  return 'regular'
}

/** Only the newest event for each kind and author is kept. */
export function isReplaceable(kind: number): boolean {
  return kind === KINDS.METADATA || kind === KINDS.FOLLOWS || (kind >= 10000 && kind < 20000)
}

/** Passed on, never stored. */
export function isEphemeral(kind: number): boolean {
  return kind >= 20000 && kind < 30000
}

/** Only the newest event for each kind, author and `d` tag is kept. */
export function isAddressable(kind: number): boolean {
  return kind >= 30000 && kind < 40000
}

/** The value of the first `d` tag; empty when there is none or it has no value. */
export function dTagValue(event: Pick<NostrEvent, 'tags'>): string {
  for (const tag of event.tags) {
    if (tag[0] === 'd') return tag[1] ?? ''
  }
  return ''
}

/**
 * The address that versions of this event share: `kind:pubkey:d` for addressable kinds and `kind:pubkey:`
 * for replaceable ones, whose `d` tags mean nothing; undefined for the others.
 */
export function addressOf(event: Pick<NostrEvent, 'kind' | 'pubkey' | 'tags'>): string | undefined {
  if (isAddressable(event.kind)) return `${event.kind}:${event.pubkey}:${dTagValue(event)}`
  if (isReplaceable(event.kind)) return `${event.kind}:${event.pubkey}:`
  return undefined
}

export interface Address {
  readonly kind: number
  readonly pubkey: string
  /** The value of the `d` tag; empty for a replaceable kind. */
  readonly identifier: string
}

/**
 * Reads the value of an `a` tag. Everything after the second colon is the identifier, colons included. Only
 * what `addressOf` could have written is an address: both colons, the kind without leading zeros and of a
 * class that has addresses, no identifier for a replaceable kind.
 */
export function parseAddress(value: string): Address | undefined {
  const firstColon = value.indexOf(':')
  const secondColon = value.indexOf(':', firstColon + 1)
  if (firstColon < 1 || secondColon < 0) return undefined
  const kind = parseKind(value.slice(0, firstColon))
  const pubkey = value.slice(firstColon + 1, secondColon)
  const identifier = value.slice(secondColon + 1)
  if (kind === undefined || !isHex64(pubkey)) return undefined
  const isAddress = isAddressable(kind) || (isReplaceable(kind) && identifier === '')
  return isAddress ? { kind, pubkey, identifier } : undefined
}

function parseKind(text: string): number | undefined {
  const kind = Number(text)
  return Number.isInteger(kind) && kind >= 0 && kind <= MAX_KIND && String(kind) === text ? kind : undefined
}
