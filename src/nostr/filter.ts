/**
 * A parsed filter (NIP-01, "From client to relay"). Conditions are ANDed, the values of one list are ORed.
 * An absent member is no condition; an empty list matches nothing.
 */
export interface Filter {
  /** Lowercase 64-character hex, no repeats. */
  readonly ids?: readonly string[]
  /** Lowercase 64-character hex, no repeats. */
  readonly authors?: readonly string[]
  readonly kinds?: readonly number[]
  /** One entry for each `#x` attribute; `name` is the single letter, case-sensitive. All entries must match. */
  readonly tags?: readonly TagCondition[]
  /** Seconds; inclusive. */
  readonly since?: number
  /** Seconds; inclusive. */
  readonly until?: number
  /** What people typed (NIP-50), as it came. Of words and `key:value` extensions, see `search-query.ts`. */
  readonly search?: string
  /**
   * Not of the protocol and never sent: set by a relay that leaves spam out of what a search finds, as the score in
   * hundredths from which a text counts as spam. Without it, or with `include:spam` in `search`, nothing is left out.
   */
  readonly spamFrom?: number
  /** At most so many stored events; live events are not counted. */
  readonly limit?: number
}

export interface TagCondition {
  readonly name: string
  readonly values: readonly string[]
}
