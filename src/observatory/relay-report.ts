/** What a collector has learnt of one relay since it last reported it: facts to be added up, and facts to be replaced. */

/** Everything that a relay can do wrong. Each is counted against it, and none of it is in the figures. */
export const OFFENCES = [
  'not-json',
  'forged-id',
  'wrong-signature',
  'malformed-event',
  'not-asked-for',
  'message-too-long',
  'endless-stream',
  'future-date',
  'absurd-date',
  'too-many-keys',
  'no-eose',
  'closed-at-once',
  'redirected',
  'bad-certificate',
  'silent',
  'flood',
] as const
export type Offence = (typeof OFFENCES)[number]

/**
 * `candidate`: heard of, and nobody tries now: it is not proven, or there is no connection for it until its turn comes. `connecting`, `live` (subscribed and caught up), `catching-up`, `polling` (it closes
 * subscriptions that stay open), `waiting` (for the next try), `refused` (an address that is not connected to).
 */
export type RelayState =
  | 'candidate'
  | 'connecting'
  | 'catching-up'
  | 'live'
  | 'polling'
  | 'waiting'
  | 'refused'

/** What the relay says of itself (NIP-11), cut to what is shown. */
export interface RelayInformationFacts {
  readonly name?: string
  readonly description?: string
  readonly software?: string
  readonly version?: string
  readonly nips: readonly number[]
  /** ISO 3166-1 alpha-2, as the relay says (`relay_countries`) or other monitors do. */
  readonly countries: readonly string[]
  readonly needsPayment: boolean
  readonly needsAuth: boolean
  readonly needsWork: boolean
  readonly restrictsWrites: boolean
  readonly languages: readonly string[]
  readonly icon?: string
}

/** Where the next subscription goes on. */
export interface RelayCursor {
  /** Everything from here to `until` was read, in seconds since 1970; undefined while nothing was. */
  readonly since: number | undefined
  readonly until: number | undefined
}

export interface RelayReport {
  /** The number of the relay in the table `relays`. */
  readonly relay: number
  readonly atSeconds: number
  readonly state: RelayState
  /** Why it is in that state, for people; never a whole answer of the relay. */
  readonly reason?: string
  /** Seconds since the last report in which we wanted to be connected, and those in which we were. */
  readonly watchedSeconds: number
  readonly connectedSeconds: number
  /** Milliseconds, since the last report: opening of the connection, REQ to first answer, ping to pong. */
  readonly openMs: readonly number[]
  readonly readMs: readonly number[]
  readonly pingMs: readonly number[]
  /** How often since the last report. */
  readonly offences: Readonly<Partial<Record<Offence, number>>>
  readonly information?: RelayInformationFacts
  readonly cursor?: RelayCursor
  /** It has answered as a relay does: NIP-11, or an event that holds. */
  readonly isProven: boolean
  /** Tries in a row that came to nothing, and when the next one is, in seconds since 1970. */
  readonly failures: number
  readonly nextTrySeconds: number
}
