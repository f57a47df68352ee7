/**
 * What a collector hands on: which relay has which event, and of the event what is counted. Nothing of its content
 * leaves the collector, and of ids and keys only the first 64 bits: at 10⁹ events the chance that any two share them
 * is about 3 %, and then one of them is not counted.
 */

/** The first eight bytes of a hash or key, as two unsigned numbers of 32 bits, first byte highest. */
export interface Fingerprint {
  readonly high: number
  readonly low: number
}

/** One relay has one event. */
export interface Observation {
  /** The number of the relay in the table `relays`. */
  readonly relay: number
  readonly event: Fingerprint
  readonly author: Fingerprint
  readonly kind: number
  /** As the event says it, in seconds since 1970. */
  readonly createdAt: number
  /** When the collector received it, in seconds since 1970. */
  readonly seenAt: number
  /** The name in the event's `client` tag (NIP-89); undefined when it has none. */
  readonly client: string | undefined
  /** What a zap receipt (kind 9735) pays, in millisatoshi, by its invoice; 0 for anything else and for receipts that do not hold. */
  readonly zapMsat: bigint
  /** Whether the receipt's signer is the one that the recipient's wallet names (NIP-57). */
  readonly isZapSignerChecked: boolean
  /** Number of the language in `LANGUAGES`; 0: not known, or not a text. */
  readonly language: number
}
