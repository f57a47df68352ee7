import type { RelayInformation } from '../nostr/index.ts'
import type { RelaySettings } from './settings.ts'

const SOFTWARE = 'https://github.com/stoa-relay/stoa'

export interface InformationFacts {
  readonly version: string
  /** The relay's own key, hex; empty when it has none. */
  readonly self: string
  /** Asked for at the moment, in bits. */
  readonly minPowDifficulty: number
  /** NIPs that other parts of the program serve beside the relay. */
  readonly offeredNips: readonly number[]
}

/** NIPs that are always there. */
const ALWAYS = [1, 9, 11, 40, 42, 45, 59, 62, 65, 70] as const

/** The others, each with what switches it on. */
const SWITCHED: readonly (readonly [
  number,
  (settings: RelaySettings, facts: InformationFacts) => boolean,
])[] = [
  [4, ({ policies }) => policies.reading.privateKinds.includes(4)],
  [13, (_settings, { minPowDifficulty }) => minPowDifficulty > 0],
  [17, ({ policies }) => policies.reading.privateKinds.includes(1059)],
  [50, ({ search }) => search],
  [67, ({ eoseHint }) => eoseHint],
  [77, ({ negentropy }) => negentropy.enabled],
]

/** The relay information document (NIP-11): what is switched on, and every limit that is enforced. */
export function relayInformation(settings: RelaySettings, facts: InformationFacts): RelayInformation {
  const { limits, auth, levels } = settings
  const { version, self, minPowDifficulty, offeredNips } = facts
  const switched = SWITCHED.filter(([, isOn]) => isOn(settings, facts)).map(([nip]) => nip)
  const { createdAtLowerLimitSeconds: back, createdAtUpperLimitSeconds: ahead } = limits
  return {
    ...withoutEmpty({
      name: settings.name,
      description: settings.description,
      banner: settings.banner,
      icon: settings.icon,
      pubkey: settings.pubkey,
      self,
      contact: settings.contact,
      terms_of_service: settings.postingPolicy,
    }),
    supported_nips: [...ALWAYS, ...switched, ...offeredNips].toSorted((a, b) => a - b),
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
      min_pow_difficulty: minPowDifficulty,
      auth_required: (auth.requiredToRead || levels.read > 0) && (auth.requiredToWrite || levels.write > 0),
      payment_required: false,
      restricted_writes: restrictsWriting(settings),
      ...(back > 0 && { created_at_lower_limit: back }),
      ...(ahead > 0 && { created_at_upper_limit: ahead }),
    },
  }
}

/** True when only some may write, beyond measures against spam. */
function restrictsWriting({ auth, levels, policies: { access } }: RelaySettings): boolean {
  const isForSome = auth.requiredToWrite && auth.allowedPubkeys.length > 0
  return isForSome || levels.write > 1 || access.onlyAllowedPubkeys || access.allowedPubkeys.length > 0
}

function withoutEmpty(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''))
}
