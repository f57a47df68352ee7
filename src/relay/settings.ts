import type { VerifierChoice } from '../platform/index.ts'

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
  readonly maxConnections: number
  readonly maxConnectionsPerIp: number
  readonly pingIntervalSeconds: number
  readonly pingTimeoutSeconds: number
  readonly maxUnsentBytes: number
  readonly verifier: VerifierChoice
  readonly limits: RelayLimits
  readonly auth: RelayAuth
  readonly rates: RelayRates
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
  readonly maxFailuresPerMinute: number
}

export interface RelayRates {
  readonly eventsPerSecond: number
  readonly eventsBurst: number
  readonly requestsPerSecond: number
  readonly requestsBurst: number
  readonly exemptIps: readonly string[]
}
