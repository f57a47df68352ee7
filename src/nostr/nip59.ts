/** Kinds that are not for everybody's eyes. Which of them a relay guards is a setting; these are the defaults. */
import { KINDS } from './kinds.ts'

/**
 * For their author and those they name in a `p` tag, both proved by AUTH. Their content is encrypted, but who gets
 * messages, when and how many is not: "relays SHOULD only serve kind 1059 events intended for the marked recipient"
 * (NIP-59). Kind 4 (NIP-04) even shows both ends of the conversation.
 */
export const PRIVATE_KINDS: readonly number[] = [
  KINDS.ENCRYPTED_DIRECT_MESSAGE,
  KINDS.GIFT_WRAP,
  KINDS.EPHEMERAL_GIFT_WRAP,
]

/**
 * For their author alone: drafts, their former versions, and where a person keeps private things (NIP-37: "only allow
 * downloads of events signed by the authed user"). Nobody else can read the content, and when somebody writes drafts is
 * nobody else's business.
 */
export const AUTHOR_ONLY_KINDS: readonly number[] = [
  KINDS.DRAFT_CHECKPOINT,
  KINDS.PRIVATE_RELAYS,
  KINDS.DRAFT,
]

/**
 * What belongs inside a gift wrap and comes to a relay by mistake or by betrayal: a seal (NIP-59), chat and file
 * messages (NIP-17), a welcome to a group (kind 444). Guarding them by `p` tags is no use, a seal has none: a relay
 * takes them or refuses them.
 */
export const WRAPPED_ONLY_KINDS: readonly number[] = [KINDS.SEAL, 14, 15, 444]
