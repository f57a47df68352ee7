export interface StatisticsOptions {
  /** Users that are remembered one by one, 40 bytes each; beyond it their numbers are estimates. */
  readonly maxUsers?: number
  /** Pairs of a relay and a user, 17 bytes each; beyond it the largest relays have estimates. */
  readonly maxRelayUsers?: number
  /** Relays that are counted one by one; events of further ones are counted for the network alone. At most 65,536. */
  readonly maxRelays?: number
  /** Fingerprints of days that are on disk leave the memory beyond these. */
  readonly maxFingerprintBytes?: number
}

export const DEFAULT_MAX_USERS = 1_000_000
export const DEFAULT_MAX_RELAY_USERS = 4_000_000
export const DEFAULT_MAX_RELAYS = 20_000
export const DEFAULT_MAX_FINGERPRINT_BYTES = 80 * 1024 * 1024
/** A relay's place and a kind share 32 bits. */
export const MOST_RELAYS = 65_536
