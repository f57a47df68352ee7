/** What applying observations has changed, as rows to be added to the tables, and what a restart needs. */

/** Newly counted (relay, event) pairs. `hour` is the hour of `created_at`, in hours since 1970. */
export interface RelayEventsChange {
  readonly hour: number
  readonly relay: number
  readonly kind: number
  readonly events: number
}

/** Newly counted distinct events. */
export interface NetworkEventsChange {
  readonly hour: number
  readonly kind: number
  readonly events: number
  readonly zaps: number
  readonly zapMsat: bigint
}

export interface ClientChange {
  readonly name: string
  readonly events: number
  readonly kinds: readonly number[]
  readonly lastSeenSeconds: number
}

/** Of one day (days since 1970), as it is now: not to be added but to be written. */
export interface ActiveUsersChange {
  readonly day: number
  readonly users: number
  readonly newUsers: number
  /** HyperLogLog of its users, 256 bytes (NIP-45). */
  readonly registers: Uint8Array
}

export interface StatisticsChanges {
  readonly relayEvents: readonly RelayEventsChange[]
  readonly networkEvents: readonly NetworkEventsChange[]
  readonly clients: readonly ClientChange[]
  readonly activeUsers: readonly ActiveUsersChange[]
  readonly counted: number
  readonly repeated: number
  readonly futureDated: number
  readonly absurdlyDated: number
}

/** Everything that the engine needs to go on where it was: to be written down whole, or not at all. */
export interface Checkpoint {
  /** Of everything but the fingerprints; some 50 bytes for each user, 12 for each pair of relay and user. */
  readonly state: Uint8Array
  /** By day (days since 1970): fingerprints counted since the last checkpoint that was taken, eight bytes each. */
  readonly fingerprints: ReadonlyMap<number, Uint8Array>
}
