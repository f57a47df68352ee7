/**
 * What `/api/v1/stats` answers. Fields of the public nostr.info API keep their names (snake_case, and `lastSeen`); what is
 * added is snake_case too. Amounts in millisatoshi are texts, since JSON has no integers of that size. The page in `web/` reads
 * these types and nothing else of the program.
 */

export type RangeName = '24h' | '7d' | '30d' | '90d' | 'all'

/** A number of distinct users; where memory did not suffice to be exact, `error` is the standard error as a share. */
export interface UserCountBody {
  readonly count: number
  readonly approximate: boolean
  readonly error: number
}

export interface CoverageBody {
  readonly relays_known: number
  readonly relays_watched: number
  readonly relays_connected: number
  readonly relays_candidate: number
  readonly regions: readonly string[]
  /** ISO 8601; null before any observation. */
  readonly first_seen: string | null
  readonly last_seen: string | null
  readonly future_dated: number
  readonly absurdly_dated: number
  /** Dated so long ago that nobody can tell any more whether they were counted. */
  readonly too_old: number
  readonly repeated: number
  /** Where these figures were read: the engine itself (at most a second old), the shared cache, or the last snapshot. */
  readonly source: 'engine' | 'cache' | 'database'
}

export interface ZapsBody {
  readonly count: number
  readonly msat: string
  readonly sats: number
  /** Of receipts whose signer the recipient's wallet names (NIP-57). */
  readonly checked_count: number
  readonly checked_msat: string
}

export interface OverviewBody {
  readonly time_range: RangeName
  readonly total_relays: number
  readonly active_relays: number
  readonly total_events: number
  readonly unique_authors: number
  /** Null without a measurement. */
  readonly avg_latency_ms: number | null
  readonly updated_at: string
  readonly authors: UserCountBody
  readonly new_authors: UserCountBody
  readonly returning_authors: UserCountBody
  readonly latency_p50_ms: number | null
  readonly latency_p95_ms: number | null
  readonly zaps: ZapsBody
  readonly long_form: { readonly events: number; readonly authors: number }
  readonly coverage: CoverageBody
}

export interface RelayBody {
  readonly url: string
  readonly events: number
  /** p50 in milliseconds; null without a measurement. */
  readonly latency: number | null
  readonly latency_p95: number | null
  /** 0 … 100; null when it was not watched. */
  readonly health_score: number | null
  /** 0 … 100 per cent; null when it was not watched. */
  readonly uptime: number | null
  readonly active_users: UserCountBody
  readonly state: string
  readonly name: string | null
  readonly software: string | null
  readonly version: string | null
  readonly nips: readonly number[]
  readonly countries: readonly string[]
  readonly needs_payment: boolean
  readonly needs_auth: boolean
  readonly kind_distribution: Readonly<Record<string, number>>
  readonly offences: Readonly<Record<string, number>>
  readonly first_seen: string | null
  readonly last_event: string | null
}

/** `/api/v1/stats/relays/:relay` (the URL, percent-encoded): the relay and its history. */
export interface RelayPageBody extends RelayBody {
  /** When its figures were as they are shown. */
  readonly updated_at: string
  /** Of the whole observatory. */
  readonly coverage: CoverageBody
  readonly description: string | null
  readonly icon: string | null
  /** Hours for `24h`, days otherwise; oldest first. A point without a measurement has nulls. */
  readonly history: readonly RelayHistoryPoint[]
  readonly logs: readonly RelayLogBody[]
  /** What other monitors say (NIP-66), newest first, and where it differs from ours. */
  readonly monitors: readonly MonitorBody[]
  /** There when history, logs and monitors could not be read: the database does not answer. They are empty then. */
  readonly records_missing?: true
}

export interface RelayHistoryPoint {
  readonly timestamp: number
  readonly events: number
  readonly uptime: number | null
  readonly latency_p50: number | null
  readonly latency_p95: number | null
  readonly regions: Readonly<
    Record<string, { readonly uptime: number | null; readonly latency_p50: number | null }>
  >
}

export interface RelayLogBody {
  readonly at: string
  readonly level: 'info' | 'warn'
  /** An offence or a change of state. */
  readonly what: string
  readonly count: number
  readonly detail: string | null
}

export interface MonitorBody {
  readonly monitor: string
  readonly at: string
  readonly rtt_open: number | null
  readonly rtt_read: number | null
  readonly rtt_write: number | null
  /** Facts that differ from what we measured, in words. */
  readonly disagreements: readonly string[]
}

export interface EventsBody {
  readonly time_range: RangeName
  readonly total_events: number
  readonly distribution: {
    readonly by_kind: Readonly<Record<string, number>>
    /** By day, `2026-11-21`, or hour, `2026-11-21T14`, for 24h. */
    readonly by_day: Readonly<Record<string, number>>
  }
  readonly activity_timeline: readonly ActivityBody[]
  readonly languages: Readonly<Record<string, number>>
}

export interface ActivityBody {
  /** Start of the hour or day, in seconds since 1970. */
  readonly timestamp: number
  readonly date: string
  readonly events: number
  readonly active_users: number
  readonly zaps: number
  readonly zap_sats: number
}

export interface ClientBody {
  readonly name: string
  readonly count: number
  /** Of the events that carry a `client` tag. */
  readonly percentage: number
  readonly kinds: readonly number[]
  readonly lastSeen: string
  readonly users: UserCountBody
  /** The same for each client: how many events carry a tag at all, in per cent. */
  readonly tagged_percentage: number
}

export interface TopRelayBody {
  readonly url: string
  readonly rank: number
  readonly events: number
  readonly active_users: number
  readonly health_score: number | null
  readonly kind_distribution: Readonly<Record<string, number>>
}

export interface CohortBody {
  readonly week: string
  readonly users: number
  /** Shares of the week's users, 0 … 1; the first is 1. */
  readonly retention: readonly number[]
}

/** `/api/v1/stats/zaps`. */
export interface ZapsPageBody extends ZapsBody {
  readonly time_range: RangeName
  /** Null when there was none. */
  readonly average_sats: number | null
  readonly timeline: readonly ZapsPoint[]
}

export interface ZapsPoint {
  readonly timestamp: number
  readonly date: string
  readonly zaps: number
  readonly zap_sats: number
}

/** `/api/v1/stats/languages`. */
export interface LanguageBody {
  /** ISO 639-1. */
  readonly language: string
  readonly events: number
  /** Of the texts whose language is known. */
  readonly percentage: number
}

/** `/api/v1/stats/activity?since=&until=`: whole UTC days, from the tables. */
export interface WindowBody {
  /** ISO 8601; the first second that counts, and the first that does not any more. */
  readonly since: string
  readonly until: string
  readonly total_events: number
  /** Distinct over the whole window. */
  readonly authors: UserCountBody
  readonly activity: readonly ActivityBody[]
}

/** `/api/v1/stats/usage`, of the API key that asks. */
export interface UsageBody {
  readonly key: { readonly id: string; readonly name: string }
  readonly tier: string
  /** Null: no limit. */
  readonly requests_per_15_min: number | null
  readonly remaining: number | null
  /** Null for a key without a subscription. */
  readonly subscription: SubscriptionBody | null
  /** Newest first; days without a request are left out. */
  readonly days: readonly { readonly day: string; readonly requests: number }[]
}

export interface SubscriptionBody {
  readonly tier: string
  readonly state: 'active' | 'lapsed' | 'ended'
  /** `2026-11`; null when nothing was ever paid. */
  readonly paid_month: string | null
}

/** `POST /api/v1/stats/spam-score`. */
export interface SpamScoreBody {
  /** 0 … 1. */
  readonly probability: number
  readonly is_spam: boolean
  readonly signs: readonly string[]
}

/** `/api/v1/health`. */
export interface HealthBody {
  readonly status: 'ok' | 'degraded' | 'failed'
  readonly timestamp: string
  /** `off`: it is not used here. */
  readonly services: { readonly database: ServiceState; readonly redis: ServiceState }
}

export type ServiceState = 'ok' | 'off' | 'failed'

/** `/api/v1/stats/full/:range`. */
export interface FullBody {
  readonly time_range: RangeName
  readonly generated_at: string
  readonly overview: OverviewBody
  readonly relays: readonly RelayBody[]
  readonly events: EventsBody
  readonly clients: readonly ClientBody[]
  readonly top_relays: readonly TopRelayBody[]
  readonly activity: readonly ActivityBody[]
  readonly retention: readonly CohortBody[]
}

/** `/api/v1/stats/recommendations?pubkey=`. */
export interface RecommendationsBody {
  readonly pubkey: string
  /** How many follows' relay lists (10002) these rest on. */
  readonly follows: number
  readonly follows_with_lists: number
  readonly relays: readonly RecommendationBody[]
  /** Follows that the recommended relays together reach, of those with lists. */
  readonly covered: number
  /** When the figures of relays were read that these rest on. */
  readonly updated_at: string
}

export interface RecommendationBody {
  readonly url: string
  /** 0 … 100. */
  readonly score: number
  readonly reaches: number
  /** Reached by none of the relays above it. */
  readonly adds: number
  readonly health_score: number | null
  readonly latency: number | null
  readonly why: string
}

/** Name and looks of this observatory, from the configuration; the page puts them on at once. */
export interface BrandBody {
  readonly name: string
  readonly tagline: string
  /** CSS colours; empty: the page's own. */
  readonly accent: string
  readonly accent_dark: string
  /** A path or a data URL; empty: none. */
  readonly logo: string
  readonly domain: string
  /** What this observatory watches: `own` (this relay alone) or `network`. */
  readonly watch: string
}

/** Server-sent events at `/api/v1/stats/stream`, and answers on `/api/v1/live`: `{topic, data}`. */
export interface LiveMessage {
  readonly topic: 'overview' | 'activity' | 'relays' | 'clients' | 'top-relays' | 'events'
  readonly range: RangeName
  readonly data: unknown
}
