/**
 * What a key is worth to the relay (document 003): 2 member, 3 subscriber, 4 trusted. The relay has the same numbers;
 * here they are only those that come from a row in the database.
 */
export type Level = 2 | 3 | 4

/** A change of the relay's access lists; of the same shape as the relay's own `AccessChange`. */
export type LevelChange =
  | {
      readonly do: 'set-level'
      readonly pubkey: string
      readonly level: Level
      readonly expiresAtSeconds?: number
    }
  | { readonly do: 'unset-level'; readonly pubkey: string }

export interface GivenLevel {
  readonly level: Level
  /** Unix seconds; from then on the key is a stranger. */
  readonly expiresAtSeconds?: number
}

/** What the tables say about a key. */
export interface KeyFacts {
  readonly isMember: boolean
  readonly isTrusted: boolean
  /** Unix seconds; in the past, or absent, there is no subscription. */
  readonly subscribedUntilSeconds?: number
}

/**
 * The highest level that these facts give; undefined when there is none. The relay makes a stranger of a key whose level
 * has expired, so a subscriber who is a member too gets a level without an end, and is lowered when the time has come.
 */
export function levelOf(facts: KeyFacts, nowSeconds: number): GivenLevel | undefined {
  const { isMember, isTrusted, subscribedUntilSeconds = 0 } = facts
  if (isTrusted) return { level: 4 }
  if (subscribedUntilSeconds > nowSeconds) {
    return isMember ? { level: 3 } : { level: 3, expiresAtSeconds: subscribedUntilSeconds }
  }
  return isMember ? { level: 2 } : undefined
}

/** What has to be said about a key to somebody who was told `told`; undefined when that is still true. */
export function changeBetween(
  pubkey: string,
  told: GivenLevel | undefined,
  given: GivenLevel | undefined,
): LevelChange | undefined {
  if (given === undefined) return told === undefined ? undefined : { do: 'unset-level', pubkey }
  const isSame = told?.level === given.level && told.expiresAtSeconds === given.expiresAtSeconds
  return isSame ? undefined : { do: 'set-level', pubkey, ...given }
}
