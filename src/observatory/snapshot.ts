/** The figures of one range at one moment, as the engine gives them and the API shows them. */
import type { Range } from './ranges.ts'
import type { Offence, RelayInformationFacts, RelayState } from './relay-report.ts'

/** What the figures rest on, shown beside them. */
export interface Coverage {
  /** Relays that proved themselves, those we try to be connected to, and those we are connected to. */
  readonly relaysKnown: number
  readonly relaysWatched: number
  readonly relaysConnected: number
  /** Advertised somewhere, and not proven yet. */
  readonly relaysCandidate: number
  readonly regions: readonly string[]
  /** When the observatory received its first and its newest observation; undefined before any. */
  readonly firstSeenSeconds: number | undefined
  readonly lastSeenSeconds: number | undefined
  /** Observations that are in no figure: dated more than 15 minutes ahead, or before Nostr. */
  readonly futureDated: number
  readonly absurdlyDated: number
  /** Those dated before the first day whose fingerprints are still kept: nobody can tell whether they were counted. */
  readonly tooOld?: number
  /** Observations that repeat one that was counted. */
  readonly repeated: number
}

/** How many distinct users; `error` is the standard error (0.065 is 6.5 %) where memory did not suffice for exactness. */
export interface UserCount {
  readonly count: number
  readonly isApproximate: boolean
  readonly error: number
}

export interface KindFigures {
  readonly kind: number
  readonly events: number
}

export interface ZapFigures {
  readonly count: number
  readonly msat: bigint
  /** Those of them whose signer is the one that the recipient's wallet names. */
  readonly checkedCount: number
  readonly checkedMsat: bigint
}

/** One step of a timeline: an hour of `24h`, a day otherwise. */
export interface TimelinePoint {
  readonly startSeconds: number
  /** Distinct events created in it. */
  readonly events: number
  /** Distinct authors of those. */
  readonly users: number
  readonly zaps: number
  readonly zapMsat: bigint
}

export interface RelayFigures {
  readonly relay: number
  readonly url: string
  readonly state: RelayState
  /** Distinct events of the range that the relay showed us, and their distinct authors. */
  readonly events: number
  readonly users: UserCount
  readonly kinds: readonly KindFigures[]
  /** Milliseconds from REQ to the first answer and ping to pong; undefined without a measurement in the range. */
  readonly latencyP50Ms: number | undefined
  readonly latencyP95Ms: number | undefined
  /** Share of the watched time in which it was connected, 0 … 1; undefined when it was not watched. */
  readonly uptime: number | undefined
  /** 0 … 100, see `statistics/health-score.ts`; undefined when it was not watched. */
  readonly healthScore: number | undefined
  readonly information: RelayInformationFacts | undefined
  readonly offences: Readonly<Partial<Record<Offence, number>>>
  readonly firstSeenSeconds: number | undefined
  readonly lastEventSeconds: number | undefined
}

export interface ClientFigures {
  readonly name: string
  readonly events: number
  readonly users: UserCount
  readonly kinds: readonly number[]
  readonly lastSeenSeconds: number
}

/** Users who were new in one week, and how many of them were there in the weeks after. */
export interface Cohort {
  readonly weekStartSeconds: number
  readonly users: number
  /** The first number is the week itself, so it equals `users`. */
  readonly active: readonly number[]
}

export interface Snapshot {
  readonly range: Range
  /** The moment that the range ends at. */
  readonly atSeconds: number
  /** Undefined for `all`. */
  readonly startSeconds: number | undefined
  readonly coverage: Coverage
  readonly events: number
  /** Of the events, those that count for users: kinds 445 and 1059 have throwaway authors. */
  readonly users: UserCount
  /** First seen in the range, and before it. */
  readonly newUsers: UserCount
  readonly returningUsers: UserCount
  readonly activeRelays: number
  readonly latencyP50Ms: number | undefined
  readonly latencyP95Ms: number | undefined
  readonly averageLatencyMs: number | undefined
  readonly byKind: readonly KindFigures[]
  readonly timeline: readonly TimelinePoint[]
  readonly zaps: ZapFigures
  readonly longForm: { readonly events: number; readonly users: UserCount }
  /** By number of events, most first; texts whose language is not known are in none of them. */
  readonly languages: readonly { readonly language: string; readonly events: number }[]
  readonly clients: readonly ClientFigures[]
  /** Events that carry a `client` tag; every share of clients is a share of these. */
  readonly taggedEvents: number
  /** All relays that proved themselves, most events first. */
  readonly relays: readonly RelayFigures[]
  readonly cohorts: readonly Cohort[]
}

/** Where the API reads figures, wherever they are kept: this process, another one, the database. */
export interface StatisticsSource {
  /**
   * The figures as they are, at most a second old where the engine can be reached; otherwise the newest snapshot of the
   * database. Undefined while there is none.
   */
  snapshot(range: Range): Promise<SourcedSnapshot | undefined>
  /** Calls when figures have changed, at most twice a second. Returns how to stop. */
  onChange(listener: () => void): () => void
}

export interface SourcedSnapshot {
  readonly snapshot: Snapshot
  readonly from: 'engine' | 'cache' | 'database'
  /** Changes whenever the figures do; fit for an ETag. */
  readonly version: string
}
