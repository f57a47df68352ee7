import { isExpired, type NostrEvent } from '../../nostr/index.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** An event whose time has passed comes too late (NIP-40). */
export const expiry = definePolicy({
  name: 'expiry',
  pick: () => ({}),
  create: () => ({
    name: 'expiry',
    stage: 'before-signature',
    judgesVanish: true,
    judge: (event, { nowSeconds }) => (hasMark(event) && isExpired(event, nowSeconds) ? EXPIRED : undefined),
  }),
})

/** Most events have no such tag, and every event passes here: so this is a plain loop. */
function hasMark({ tags }: NostrEvent): boolean {
  for (let index = 0; index < tags.length; index++) {
    if (tags[index]![0] === 'expiration') return true
  }
  return false
}

const EXPIRED = refuse('invalid', 'the event has expired (NIP-40)')
