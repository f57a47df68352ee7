import {
  difficulty,
  embedsProtected,
  isExpired,
  isProtected,
  KINDS,
  meetsDifficulty,
  type NostrEvent,
  reason,
} from '../nostr/index.ts'
import type { RelayAuth, RelayLimits } from './settings.ts'

/** What a decision about an EVENT may look at. */
export interface WriteContext {
  readonly limits: RelayLimits
  readonly auth: RelayAuth
  /** Keys that the client has proved to hold. */
  readonly pubkeys: readonly string[]
  readonly nowSeconds: number
}

/** One rule: the reason to refuse an event, or undefined. */
type WriteRule = (event: NostrEvent, context: WriteContext) => string | undefined

/** In the order in which they speak: what costs least to tell and what the client can mend first. */
const RULES: readonly WriteRule[] = [
  refuseAuthEvents,
  requireAuthentication,
  limitTags,
  limitContent,
  limitTime,
  refuseExpired,
  requireWork,
  protectAuthors,
]

/**
 * May this event be written by this client, as far as can be told without the store and its signature? The
 * text of the refusal, with its prefix, or undefined.
 */
export function refuseWrite(event: NostrEvent, context: WriteContext): string | undefined {
  for (const rule of RULES) {
    const refusal = rule(event, context)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

/** AUTH events prove a key on one connection; published, they would prove it on others (NIP-42). */
function refuseAuthEvents({ kind }: NostrEvent): string | undefined {
  if (kind !== KINDS.AUTH) return undefined
  return reason('invalid', 'events of kind 22242 are sent with AUTH, not with EVENT')
}

function requireAuthentication(_event: NostrEvent, { auth, pubkeys }: WriteContext): string | undefined {
  if (!auth.requiredToWrite) return undefined
  return refuseUnauthenticated(auth, pubkeys, 'write')
}

/** The refusal of a client that must first prove a key, or proved none that is allowed (NIP-42). */
export function refuseUnauthenticated(
  { allowedPubkeys }: RelayAuth,
  pubkeys: readonly string[],
  action: 'read' | 'write',
): string | undefined {
  if (pubkeys.length === 0) return reason('auth-required', `to ${action} here, authenticate first (NIP-42)`)
  if (allowedPubkeys.length === 0 || pubkeys.some((pubkey) => allowedPubkeys.includes(pubkey)))
    return undefined
  return reason('restricted', `your key is not allowed to ${action} here`)
}

function limitTags({ tags }: NostrEvent, { limits }: WriteContext): string | undefined {
  if (tags.length <= limits.maxEventTags) return undefined
  return reason('invalid', `the event has ${tags.length} tags, the limit is ${limits.maxEventTags}`)
}

function limitContent({ content }: NostrEvent, { limits }: WriteContext): string | undefined {
  const length = codePointLength(content, limits.maxContentLength)
  if (length <= limits.maxContentLength) return undefined
  return reason('invalid', `the content has more than ${limits.maxContentLength} characters`)
}

/** Length in Unicode characters; counts only when the length in UTF-16 units leaves a doubt. */
function codePointLength(text: string, enough: number): number {
  if (text.length <= enough) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

function limitTime({ created_at }: NostrEvent, { limits, nowSeconds }: WriteContext): string | undefined {
  const { createdAtLowerLimitSeconds: back, createdAtUpperLimitSeconds: ahead } = limits
  if (back > 0 && created_at < nowSeconds - back) {
    return reason('invalid', `created_at is more than ${back} seconds ago`)
  }
  if (ahead > 0 && created_at > nowSeconds + ahead) {
    return reason('invalid', `created_at is more than ${ahead} seconds in the future`)
  }
  return undefined
}

function refuseExpired(event: NostrEvent, { nowSeconds }: WriteContext): string | undefined {
  return isExpired(event, nowSeconds) ? reason('invalid', 'the event has expired (NIP-40)') : undefined
}

function requireWork(event: NostrEvent, { limits }: WriteContext): string | undefined {
  const { minPowDifficulty, powRequiresCommitment } = limits
  if (meetsDifficulty(event, minPowDifficulty, { requireCommitment: powRequiresCommitment })) return undefined
  const bits = difficulty(event.id)
  if (bits < minPowDifficulty) return reason('pow', `difficulty ${bits} is less than ${minPowDifficulty}`)
  return reason('pow', `the nonce tag must commit to a difficulty of at least ${minPowDifficulty}`)
}

/** NIP-70: a protected event comes from its author only, and not inside a repost either. */
function protectAuthors(event: NostrEvent, { pubkeys }: WriteContext): string | undefined {
  if (embedsProtected(event)) return reason('blocked', 'a repost must not carry a protected event (NIP-70)')
  if (!isProtected(event) || pubkeys.includes(event.pubkey)) return undefined
  if (pubkeys.length === 0) {
    return reason(
      'auth-required',
      'a protected event is taken from its author only, authenticate first (NIP-70)',
    )
  }
  return reason('restricted', 'a protected event is taken from its author only (NIP-70)')
}
