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
  /** Keys that may manage the relay (NIP-86), and may invite others where it has members (NIP-43). */
  readonly adminPubkeys?: readonly string[]
  /** Keys whose events are not taken. */
  readonly bannedPubkeys?: readonly string[]
  /** Keys that are members (level 2 of section 24). */
  readonly memberPubkeys?: readonly string[]
  /** Level (0 anonymous, 1 stranger, 2 member, 3 subscriber, 4 trusted) that each thing takes. */
  readonly minimumLevels?: { readonly read?: number; readonly write?: number; readonly count?: number }
  /** Gift wraps are taken from authenticated clients only. */
  readonly giftWrapsNeedAuth?: boolean
  /** NIP-50. */
  readonly search?: boolean
  /** NIP-67. */
  readonly eoseHint?: boolean
  /** NIP-77. */
  readonly negentropy?: NegentropySettings
  /** A signed event in the URL authenticates (section 24). */
  readonly authAtConnect?: 'optional' | 'required'
}

export interface NegentropySettings {
  /** Events that one reconciliation may be about. */
  readonly maxRecords?: number
  /** Reconciliations open at a time on one connection. */
  readonly maxSessions?: number
  /** Longest message in bytes, before it is written in hex. */
  readonly maxFrameBytes?: number
  readonly idleMs?: number
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
  /** Everything that the relay has written for its operators so far, log lines above all. */
  output?(): string
  /** A fresh invite code (NIP-43). */
  makeInvite?(invite: { readonly uses: number; readonly expiresInSeconds?: number }): Promise<string>
  /** The audit log, one text for each entry. */
  auditEntries?(): Promise<readonly string[]>
  /** A path that answers 200 to a GET with NIP-98 by one of `adminPubkeys`, and to nobody else. */
  readonly httpAuthPath?: string
  /** Stops the relay and removes what it stored. */
  stop(): Promise<void>
}
