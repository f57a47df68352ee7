import { reason } from '../../nostr/index.ts'
import type { RelayAuth } from '../settings.ts'
import { asksForStanding, KindSet } from './kind-set.ts'
import { definePolicy } from './policy.ts'

/** Only clients that proved a key may write, or only those with certain keys (NIP-42). */
export const authentication = definePolicy({
  name: 'authentication',
  pick: ({ auth, levels }) => {
    if (!auth.requiredToWrite) return undefined
    return { allowedPubkeys: auth.allowedPubkeys, exemptKinds: levels.exemptKinds }
  },
  create: ({ allowedPubkeys, exemptKinds }) => {
    const exempt = new KindSet(exemptKinds)
    return {
      name: 'authentication',
      stage: 'before-signature',
      judge: ({ kind }, { origin, pubkeys }) => {
        if (origin !== 'client' || exempt.has(kind) || asksForStanding(kind)) return undefined
        const text = refuseUnauthenticated({ allowedPubkeys }, pubkeys, 'write')
        return text === undefined ? undefined : { do: 'refuse', text }
      },
    }
  },
})

/** The refusal of a client that must first prove a key, or proved none that is allowed (NIP-42). */
export function refuseUnauthenticated(
  { allowedPubkeys }: Pick<RelayAuth, 'allowedPubkeys'>,
  pubkeys: readonly string[],
  action: 'read' | 'write',
): string | undefined {
  if (pubkeys.length === 0) return reason('auth-required', `to ${action} here, authenticate first (NIP-42)`)
  if (allowedPubkeys.length === 0 || pubkeys.some((pubkey) => allowedPubkeys.includes(pubkey)))
    return undefined
  return reason('restricted', `your key is not allowed to ${action} here`)
}
