import type { NostrEvent } from '../../nostr/index.ts'
import type { AccessLists } from '../access-lists.ts'
import { asksForStanding, KindSet } from './kind-set.ts'
import { definePolicy, type WriteContext } from './policy.ts'
import { refuse } from './verdicts.ts'

/** Banned events and keys, by the configuration and by what operators decide while the relay runs (NIP-86). */
export const bans = definePolicy({
  name: 'bans',
  pick: ({ policies }) => ({ pubkeys: policies.access.bannedPubkeys }),
  create: ({ pubkeys }, { lists }) => {
    const banned = new Set(pubkeys)
    const isBanned = (pubkey: string): boolean =>
      (banned.size > 0 && banned.has(pubkey)) || lists.banReasonOf(pubkey) !== undefined
    return {
      name: 'bans',
      stage: 'before-signature',
      judge: (event, context) => {
        if (lists.isBannedEvent(event.id)) return BANNED_EVENT
        if (isBanned(event.pubkey)) return BANNED_AUTHOR
        if (banned.size === 0 && !lists.hasBannedPubkeys) return undefined
        return context.pubkeys.some(isBanned) ? BANNED_SENDER : undefined
      },
    }
  },
})

/** Kinds that the relay takes. What operators decide about a kind while it runs wins over the configuration. */
export const kinds = definePolicy({
  name: 'kinds',
  pick: ({ policies }) => ({ allowed: policies.access.allowedKinds, denied: policies.access.deniedKinds }),
  create: (own, { lists }) => {
    const allowed = new KindSet(own.allowed)
    const denied = new KindSet(own.denied)
    return {
      name: 'kinds',
      stage: 'before-signature',
      judge: ({ kind }) => {
        const decision = lists.kindDecision(kind)
        if (decision === 'allowed') return undefined
        if (decision === 'denied' || denied.has(kind) || !(allowed.isEmpty || allowed.has(kind))) {
          return refuse('blocked', `events of kind ${kind} are not taken here`)
        }
        return undefined
      },
    }
  },
})

/** A relay for certain authors. Kinds that need no level are taken from everybody: wallet keys are thrown away (NIP-47). */
export const allowedAuthors = definePolicy({
  name: 'allowed-authors',
  pick: ({ policies: { access }, levels }) => {
    if (!access.onlyAllowedPubkeys && access.allowedPubkeys.length === 0) return undefined
    return { pubkeys: access.allowedPubkeys, exemptKinds: levels.exemptKinds }
  },
  create: ({ pubkeys, exemptKinds }, { lists }) => {
    const allowed = new Set(pubkeys)
    const exempt = new KindSet(exemptKinds)
    return {
      name: 'allowed-authors',
      stage: 'before-signature',
      judge: ({ pubkey, kind }, { origin }) => {
        if (allowed.has(pubkey) || lists.isAllowedPubkey(pubkey)) return undefined
        if (origin === 'import' || exempt.has(kind) || asksForStanding(kind)) return undefined
        return NOT_ALLOWED
      },
    }
  },
})

/**
 * Authors who are not to notice that nobody reads them. After the signature check, so that an event forged in their name
 * is called invalid like any other and tells nobody who is on the list.
 */
export const shadowedAuthors = definePolicy({
  name: 'shadow',
  pick: ({ policies }) => ({ pubkeys: policies.access.shadowPubkeys }),
  create: ({ pubkeys }, { lists }) => {
    const shadowed = new Set(pubkeys)
    return {
      name: 'shadow',
      stage: 'after-signature',
      judge: ({ pubkey }) =>
        (shadowed.size > 0 && shadowed.has(pubkey)) || lists.isShadowed(pubkey)
          ? { do: 'pretend' }
          : undefined,
    }
  },
})

/** Is this author, or who brings the event, known well enough to be spared rules that are made for strangers? */
export function isKnown(
  { pubkey }: NostrEvent,
  { level, origin }: WriteContext,
  lists: AccessLists,
): boolean {
  return level >= 2 || origin === 'import' || lists.isAllowedPubkey(pubkey)
}

const BANNED_EVENT = refuse('blocked', 'this event is banned here')
const BANNED_AUTHOR = refuse('blocked', 'its author is banned here')
const BANNED_SENDER = refuse('blocked', 'a key that you have proved is banned here')
const NOT_ALLOWED = refuse('restricted', 'its author is not one of those who may write here')
