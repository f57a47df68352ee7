import type { VerifierChoice } from '../platform/index.ts'
import type { RetentionSettings } from '../retention/index.ts'

/** What an operator can turn, as far as the relay is concerned; the meaning of each is in the configuration. */
export interface RelaySettings {
  readonly host: string
  readonly port: number
  readonly publicUrl: string
  readonly name: string
  readonly description: string
  readonly icon: string
  readonly banner: string
  readonly pubkey: string
  readonly contact: string
  readonly postingPolicy: string
  readonly trustedProxies: readonly string[]
  readonly unixSocket: string
  readonly maintenance: boolean
  readonly maxConnections: number
  readonly maxConnectionsPerIp: number
  readonly pingIntervalSeconds: number
  readonly pingTimeoutSeconds: number
  readonly maxUnsentBytes: number
  readonly verifier: VerifierChoice
  readonly eoseHint: boolean
  readonly search: boolean
  readonly negentropy: RelayNegentropy
  readonly limits: RelayLimits
  readonly auth: RelayAuth
  readonly rates: RelayRates
  readonly levels: RelayLevels
  readonly policies: PolicySettings
  /** What is removed again at once is not let in. Absent: everything is kept, as far as the relay knows. */
  readonly retention?: RetentionSettings
}

export interface RelayLimits {
  readonly maxMessageBytes: number
  readonly maxSubscriptions: number
  readonly maxFilters: number
  readonly maxFilterValues: number
  readonly maxSubidLength: number
  readonly maxLimit: number
  readonly defaultLimit: number
  readonly maxEventTags: number
  readonly maxContentLength: number
  readonly minPowDifficulty: number
  readonly powRequiresCommitment: boolean
  readonly createdAtLowerLimitSeconds: number
  readonly createdAtUpperLimitSeconds: number
}

export interface RelayAuth {
  readonly requiredToRead: boolean
  readonly requiredToWrite: boolean
  readonly allowedPubkeys: readonly string[]
  readonly windowSeconds: number
  readonly atConnect: 'off' | 'optional' | 'required'
  readonly atConnectWindowSeconds: number
  readonly maxFailuresPerMinute: number
}

export interface RelayNegentropy {
  readonly enabled: boolean
  readonly maxRecords: number
  readonly maxSessions: number
  readonly maxFrameBytes: number
  readonly idleSeconds: number
}

export interface RelayRates {
  readonly connectionsPerSecond: number
  readonly connectionsBurst: number
  readonly eventsPerSecond: number
  readonly eventsBurst: number
  readonly requestsPerSecond: number
  readonly requestsBurst: number
  readonly exemptIps: readonly string[]
}

/** What each thing takes, as numbers of `AuthLevel`. */
export interface RelayLevels {
  readonly connect: number
  readonly read: number
  readonly write: number
  readonly count: number
  readonly exemptKinds: readonly KindRange[]
  readonly members: readonly string[]
  readonly trusted: readonly string[]
}

/** A kind, or a range of kinds as text: `23194`, `"23194-23197"`. */
export type KindRange = number | string

/** What an operator may choose to do with an event that a rule has found. */
export type PolicyAction = 'refuse' | 'pretend' | 'hold'

/** What happens while a rule cannot tell. */
export type Fallback = 'accept' | 'refuse'

export interface PolicySettings {
  readonly access: {
    readonly allowedKinds: readonly KindRange[]
    readonly deniedKinds: readonly KindRange[]
    readonly onlyAllowedPubkeys: boolean
    readonly allowedPubkeys: readonly string[]
    readonly bannedPubkeys: readonly string[]
    readonly shadowPubkeys: readonly string[]
  }
  readonly kindLimits: { readonly rules: readonly string[] }
  readonly rates: {
    readonly keyPerSecond: number
    readonly keyBurst: number
    readonly kindRules: readonly string[]
  }
  readonly work: {
    readonly maxDifficulty: number
    readonly startDifficulty: number
    readonly aboveEventsPerSecond: number
  }
  readonly privateMessages: {
    readonly refuseUnwrapped: boolean
    readonly senderMustAuthenticate: boolean
  }
  readonly keywords: { readonly words: readonly string[]; readonly action: PolicyAction }
  readonly trust: {
    readonly seeds: readonly string[]
    readonly depth: number
    readonly minFollowers: number
    readonly refreshSeconds: number
    readonly exemptKinds: readonly KindRange[]
    readonly action: PolicyAction
    readonly whenUnready: Fallback
  }
  readonly spam: {
    readonly threshold: number
    readonly action: PolicyAction
    readonly searchThreshold: number
  }
  readonly newcomers: { readonly action: PolicyAction | 'accept'; readonly kinds: readonly KindRange[] }
  readonly plugin: {
    readonly command: readonly string[]
    readonly timeoutMs: number
    readonly maxWaiting: number
    readonly whenUnavailable: Fallback
  }
  readonly hook: {
    readonly url: string
    readonly secret: string
    readonly timeoutMs: number
    readonly maxConcurrent: number
    readonly maxWaiting: number
    readonly breakAfterFailures: number
    readonly breakSeconds: number
    readonly whenUnavailable: Fallback
  }
  readonly reading: {
    readonly privateKinds: readonly number[]
    readonly authorOnlyKinds: readonly number[]
    readonly kindLevels: readonly string[]
    readonly refuseWideFilters: boolean
  }
}
