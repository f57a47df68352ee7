import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from './event.ts'
import type { UnsignedTemplate } from './finalize-event.ts'
import { KINDS } from './kinds.ts'
import { isProtected } from './nip70.ts'

/** The longest invite code that is looked at, in characters. */
export const MAX_CLAIM_CHARACTERS = 256

/** Only the relay itself publishes these, under its key `self` of NIP-11; of anybody else they are refused. */
export const RELAY_SIGNED_KINDS: readonly number[] = [
  KINDS.MEMBER_ADDED,
  KINDS.MEMBER_REMOVED,
  KINDS.MEMBERSHIP_LIST,
  KINDS.INVITE,
  KINDS.ROLE_DEFINITION,
]

/** These pass between the relay and one client: they are neither stored nor sent to subscribers. */
export const MEMBERSHIP_EXCHANGE_KINDS: readonly number[] = [
  KINDS.JOIN_REQUEST,
  KINDS.INVITE,
  KINDS.LEAVE_REQUEST,
]

export interface Member {
  /** Lowercase hex. */
  readonly pubkey: string
  /** Ids of the roles; empty for most. */
  readonly roles: readonly string[]
}

export interface Role {
  /** The `d` tag of its definition. */
  readonly id: string
  readonly label?: string | undefined
  readonly description?: string | undefined
  /** A hue on the colour circle, 0 … 360 degrees. */
  readonly color?: number | undefined
  /** Where it stands among the others when they are shown, an integer. */
  readonly order?: number | undefined
}

/** Who may use the relay (kind 13534). It replaces the list before it. */
export function membershipList(members: readonly Member[], nowSeconds: number): UnsignedTemplate {
  const tags = members.map(({ pubkey, roles }) => ['member', pubkey, ...roles])
  return protectedTemplate(KINDS.MEMBERSHIP_LIST, tags, nowSeconds)
}

/** What a role is called and looks like (kind 33534). It replaces the definition before it with the same id. */
export function roleDefinition(role: Role, nowSeconds: number): UnsignedTemplate {
  const { id, label, description, color, order } = role
  const optional = Object.entries({ label, description, color, order }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return protectedTemplate(KINDS.ROLE_DEFINITION, [['d', id], ...optional], nowSeconds)
}

/** Tells the world of a new member (kind 8000). */
export function memberAdded(pubkey: string, nowSeconds: number): UnsignedTemplate {
  return protectedTemplate(KINDS.MEMBER_ADDED, [['p', pubkey]], nowSeconds)
}

/** Tells the world of a member that is none any more (kind 8001). */
export function memberRemoved(pubkey: string, nowSeconds: number): UnsignedTemplate {
  return protectedTemplate(KINDS.MEMBER_REMOVED, [['p', pubkey]], nowSeconds)
}

/** An invite code for whoever asked for one (kind 28935), never stored. */
export function invite(claim: string, nowSeconds: number): UnsignedTemplate {
  return protectedTemplate(KINDS.INVITE, [['claim', claim]], nowSeconds)
}

/** What a client sends to become a member (kind 28934). */
export function joinRequest(claim: string, nowSeconds: number): UnsignedTemplate {
  return protectedTemplate(KINDS.JOIN_REQUEST, [['claim', claim]], nowSeconds)
}

/** What a client sends to be a member no longer (kind 28936). */
export function leaveRequest(nowSeconds: number): UnsignedTemplate {
  return protectedTemplate(KINDS.LEAVE_REQUEST, [], nowSeconds)
}

export type MembershipRequest =
  | { readonly type: 'join'; readonly pubkey: string; readonly claim: string }
  | { readonly type: 'leave'; readonly pubkey: string }

/** Is it one of the two kinds that `parseMembershipRequest` reads? */
export function isMembershipRequest(event: Pick<NostrEvent, 'kind'>): boolean {
  return event.kind === KINDS.JOIN_REQUEST || event.kind === KINDS.LEAVE_REQUEST
}

export interface MembershipRequestOptions {
  readonly nowSeconds: number
  /** How far `created_at` may be from now, either way ("a few minutes"); 300 when absent. */
  readonly windowSeconds?: number
}

/**
 * Reads a request to join or to leave. The refusal is a text without a prefix. Whether the code is good, and whether
 * the sender has proved the key, is for the caller to find out.
 *
 * A request to leave must be protected (NIP-70); of one to join the NIP says so only by example, so it need not be.
 */
export function parseMembershipRequest(
  event: NostrEvent,
  { nowSeconds, windowSeconds = 300 }: MembershipRequestOptions,
): Outcome<MembershipRequest, string> {
  if (!isMembershipRequest(event)) return refused(`kind ${event.kind} asks for no membership`)
  if (Math.abs(event.created_at - nowSeconds) > windowSeconds) {
    return refused(`created_at of a membership request must be within ${windowSeconds} seconds of now`)
  }
  const { pubkey } = event
  if (event.kind === KINDS.JOIN_REQUEST) {
    const claim = claimOf(event)
    return claim.ok ? accepted({ type: 'join', pubkey, claim: claim.value }) : claim
  }
  return isProtected(event)
    ? accepted({ type: 'leave', pubkey })
    : refused('a request to leave must have a "-" tag (NIP-70)')
}

function claimOf(event: NostrEvent): Outcome<string, string> {
  const claim = event.tags.find(([name]) => name === 'claim')?.[1]
  if (claim === undefined || claim === '')
    return refused('a request to join needs an invite code in a claim tag')
  return claim.length <= MAX_CLAIM_CHARACTERS
    ? accepted(claim)
    : refused(`an invite code may have ${MAX_CLAIM_CHARACTERS} characters`)
}

function protectedTemplate(
  kind: number,
  tags: readonly (readonly string[])[],
  nowSeconds: number,
): UnsignedTemplate {
  return { kind, created_at: nowSeconds, tags: [['-'], ...tags], content: '' }
}
