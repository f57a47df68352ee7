import { KINDS, WRAPPED_ONLY_KINDS } from '../../nostr/index.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** What clients must keep inside a gift wrap, and who may send one. */
export const privateMessages = definePolicy({
  name: 'private-messages',
  pick: ({ policies }) => {
    const { refuseUnwrapped, senderMustAuthenticate } = policies.privateMessages
    if (!refuseUnwrapped && !senderMustAuthenticate) return undefined
    return { refuseUnwrapped, senderMustAuthenticate }
  },
  create: ({ refuseUnwrapped, senderMustAuthenticate }) => ({
    name: 'private-messages',
    stage: 'before-signature',
    judge: ({ kind }, { origin, pubkeys }) => {
      if (refuseUnwrapped && WRAPPED_ONLY_KINDS.includes(kind)) return UNWRAPPED
      if (!senderMustAuthenticate || origin !== 'client' || pubkeys.length > 0) return undefined
      return kind === KINDS.GIFT_WRAP || kind === KINDS.EPHEMERAL_GIFT_WRAP ? UNKNOWN_SENDER : undefined
    },
  }),
})

const UNWRAPPED = refuse('blocked', 'this kind is sent inside a gift wrap, never by itself (NIP-59)')
const UNKNOWN_SENDER = refuse('auth-required', 'to send a gift wrap here, authenticate first (NIP-42)')
