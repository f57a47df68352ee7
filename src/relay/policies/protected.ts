import { embedsProtected, KINDS, type NostrEvent } from '../../nostr/index.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** NIP-70: a protected event comes from its author only, and not inside a repost either. */
export const protectedEvents = definePolicy({
  name: 'protected',
  pick: () => ({}),
  create: () => ({
    name: 'protected',
    stage: 'before-signature',
    judgesVanish: true,
    judge: (event, { origin, pubkeys }) => {
      // What the operator imports has been here, or anywhere else, with its author's will.
      if (origin === 'import') return undefined
      if (mayEmbedMark(event) && embedsProtected(event)) return EMBEDDED
      if (!hasMark(event) || pubkeys.includes(event.pubkey)) return undefined
      if (origin !== 'client') return FROM_ELSEWHERE
      return pubkeys.length === 0 ? UNAUTHENTICATED : OF_SOMEBODY_ELSE
    },
  }),
})

/**
 * Could the content hold an event with the mark? Reading a long repost as JSON takes a hundred times longer than looking
 * for the mark as it is written, plainly or as an escape.
 */
function mayEmbedMark({ kind, content }: NostrEvent): boolean {
  if (kind !== KINDS.REPOST && kind !== KINDS.GENERIC_REPOST) return false
  return content.includes('"-"') || content.includes('\\u002')
}

/** `isProtected` of NIP-70, without a closure: every event passes here. */
function hasMark({ tags }: NostrEvent): boolean {
  for (let index = 0; index < tags.length; index++) {
    if (tags[index]![0] === '-') return true
  }
  return false
}

const EMBEDDED = refuse('blocked', 'a repost must not carry a protected event (NIP-70)')
const FROM_ELSEWHERE = refuse('blocked', 'a protected event is taken from its author only (NIP-70)')
const UNAUTHENTICATED = refuse(
  'auth-required',
  'a protected event is taken from its author only, authenticate first (NIP-70)',
)
const OF_SOMEBODY_ELSE = refuse('restricted', 'a protected event is taken from its author only (NIP-70)')
