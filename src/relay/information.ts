import type { RelayInformation } from '../nostr/index.ts'
import type { RelaySettings } from './settings.ts'

const SOFTWARE = 'https://github.com/stoa-relay/stoa'

/** NIPs that are always there. */
const ALWAYS = [1, 9, 11, 40, 42, 45, 70] as const

/** The relay information document (NIP-11): what is switched on, and every limit that is enforced. */
export function relayInformation(settings: RelaySettings, version: string): RelayInformation {
  const { limits, auth } = settings
  const { createdAtLowerLimitSeconds: back, createdAtUpperLimitSeconds: ahead } = limits
  return {
    ...withoutEmpty({
      name: settings.name,
      description: settings.description,
      banner: settings.banner,
      icon: settings.icon,
      pubkey: settings.pubkey,
      contact: settings.contact,
      terms_of_service: settings.postingPolicy,
    }),
    supported_nips: [...ALWAYS, ...(limits.minPowDifficulty > 0 ? [13] : [])].toSorted((a, b) => a - b),
    software: SOFTWARE,
    version,
    limitation: {
      max_message_length: limits.maxMessageBytes,
      max_subscriptions: limits.maxSubscriptions,
      max_limit: limits.maxLimit,
      default_limit: limits.defaultLimit,
      max_subid_length: limits.maxSubidLength,
      max_event_tags: limits.maxEventTags,
      max_content_length: limits.maxContentLength,
      min_pow_difficulty: limits.minPowDifficulty,
      auth_required: auth.requiredToRead && auth.requiredToWrite,
      payment_required: false,
      restricted_writes: auth.requiredToWrite && auth.allowedPubkeys.length > 0,
      ...(back > 0 && { created_at_lower_limit: back }),
      ...(ahead > 0 && { created_at_upper_limit: ahead }),
    },
  }
}

function withoutEmpty(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
}
