/**
 * The handle through which a relay's own tests let the suite configure it. Rows that need a special configuration
 * start a relay of their own, so that they disturb no other row. Anyone may implement it for their relay.
 */

/** In the words of NIP-11 where it has one. `null` switches a limit off; an absent member keeps the default. */
export interface RelaySettings {
  /** Nothing works before AUTH. */
  readonly authRequired?: boolean
  /** Only these keys may read and write (after AUTH). */
  readonly allowedPubkeys?: readonly string[]
  readonly minPowDifficulty?: number
  /** Seconds back from now. */
  readonly createdAtLowerLimit?: number | null
  /** Seconds ahead of now. */
  readonly createdAtUpperLimit?: number | null
  /** Bytes of one WebSocket message. */
  readonly maxMessageLength?: number
  readonly maxSubscriptions?: number
  readonly maxLimit?: number
  readonly defaultLimit?: number
  readonly maxEventTags?: number
  /** Unicode characters. */
  readonly maxContentLength?: number
  /** How often the relay pings, and how long it waits for the answer. */
  readonly pingIntervalMs?: number
  readonly pingTimeoutMs?: number
  readonly maxConnectionsPerIp?: number
  /** Addresses or CIDR blocks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[]
  /** Accepted EVENTs in one window for one address or key; the next is `rate-limited`. */
  readonly eventRate?: { readonly events: number; readonly windowMs: number }
  /** The name in NIP-11. */
  readonly name?: string
  /** How often expired events are removed from the store. */
  readonly expirySweepMs?: number
}

export interface RelayControl {
  /** Starts a relay on an empty store; undefined when these settings cannot be had (the row is skipped). */
  startWith(settings: RelaySettings): Promise<ControlledRelay | undefined>
}

export interface ControlledRelay {
  /** `ws://host:port`. */
  readonly url: string
  /** Sends a signal to the relay's process. */
  signal?(name: 'SIGTERM'): Promise<void>
  /** Starts the relay again on the same data after it ended; resolves with its address. */
  restart?(): Promise<string>
  /** From now on nothing can be written to the store; `restoreStorage` mends it. */
  breakStorage?(): Promise<void>
  restoreStorage?(): Promise<void>
  /** Changes settings without a restart. */
  reload?(settings: RelaySettings): Promise<void>
  /** Bans a key at once. */
  ban?(pubkey: string): Promise<void>
  /** How many events lie in the store, shown to clients or not. */
  storedEvents?(): Promise<number>
  /** Stops the relay and removes what it stored. */
  stop(): Promise<void>
}
