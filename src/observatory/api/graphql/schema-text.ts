/** The figures of `/api/v1/stats` as a GraphQL schema; members have the names that they have there. */
import { TOP_RELAYS } from '../figures/show-full.ts'

/** Entries of one list. */
export const MAX_LIST = 1_000
export const DEFAULT_LIST = 100
export const MAX_TOP = 100

export const SCHEMA_TEXT = `
"What Nostr is doing, over all relays, right now and over time. Read only."
type Query {
  "What the network did in a range of time."
  overview(range: Range! = H24): Overview!
  "Relays that proved themselves; at most ${MAX_LIST}."
  relays(range: Range! = H24, limit: Int! = ${DEFAULT_LIST}, offset: Int! = 0, sort: RelaySort! = EVENTS, ascending: Boolean! = false, filter: RelayFilter): RelayList!
  "One relay by its URL, with its history, its log and what other monitors say; null when it is not known."
  relay(url: String!, range: Range! = H24): RelayPage
  "Events by kind, by day, and the languages of texts."
  events(range: Range! = H24): Events!
  "Programs that events name in their client tag (NIP-89)."
  clients(range: Range! = H24, limit: Int! = ${DEFAULT_LIST}, offset: Int! = 0, q: String): [Client!]!
  "The relays with the most events; at most ${MAX_TOP}."
  top_relays(range: Range! = H24, limit: Int! = ${TOP_RELAYS}): [TopRelay!]!
  "Events, people and zaps by hour (H24) or day."
  activity(range: Range! = H24): [ActivityPoint!]!
  "Zaps (NIP-57) by what their invoices say."
  zaps(range: Range! = H24): ZapsPage!
  "People who were new in a week, and the share of them that was there in the weeks after."
  retention(range: Range! = H24): [Cohort!]!
  "Languages of texts, where they are known."
  languages(range: Range! = H24): [LanguageCount!]!
}

enum Range {
  "The hour that runs and the 23 before it."
  H24
  "The day that runs (UTC) and the 6 before it."
  D7
  D30
  D90
  "Everything since the observatory began to watch."
  ALL
}

enum RelaySort { EVENTS ACTIVE_USERS LATENCY LATENCY_P95 HEALTH_SCORE UPTIME FIRST_SEEN LAST_EVENT }

"Each that is given must hold."
input RelayFilter {
  "All of these NIPs."
  nip: [Int!]
  "One of these countries (ISO 3166-1, two letters)."
  country: [String!]
  "Within the name of the software."
  software: String
  "One of these states."
  state: [String!]
  "Milliseconds."
  max_latency: Float
  "Per cent."
  min_uptime: Float
  "Within URL, name or description."
  q: String
}

"A number of distinct people; error is the standard error as a share where it is approximate."
type UserCount { count: Int! approximate: Boolean! error: Float! }

"What figures rest on."
type Coverage {
  relays_known: Int! relays_watched: Int! relays_connected: Int! relays_candidate: Int!
  regions: [String!]!
  first_seen: String last_seen: String
  "Observations that are in no figure."
  future_dated: Float! absurdly_dated: Float! too_old: Float! repeated: Float!
  "engine, cache or database."
  source: String!
}

"Amounts in millisatoshi are texts."
type Zaps { count: Float! msat: String! sats: Float! checked_count: Float! checked_msat: String! }

type Overview {
  time_range: String! total_relays: Int! active_relays: Int! total_events: Float! unique_authors: Int!
  avg_latency_ms: Float latency_p50_ms: Float latency_p95_ms: Float
  updated_at: String!
  authors: UserCount! new_authors: UserCount! returning_authors: UserCount!
  zaps: Zaps! long_form: LongForm! coverage: Coverage!
}

type LongForm { events: Float! authors: Int! }
type KindCount { kind: Int! events: Float! }
type Named { name: String! count: Float! }

type RelayList {
  "How many fit the filter."
  total: Int!
  items: [Relay!]!
}

type Relay {
  url: String! events: Float!
  "p50 in milliseconds; null without a measurement."
  latency: Float latency_p95: Float
  "0 to 100; null when it was not watched."
  health_score: Float
  "Per cent; null when it was not watched."
  uptime: Float
  active_users: UserCount! state: String! name: String software: String version: String
  nips: [Int!]! countries: [String!]! needs_payment: Boolean! needs_auth: Boolean!
  kinds: [KindCount!]! offences: [Named!]!
  first_seen: String last_event: String
}

type RelayPage {
  relay: Relay! updated_at: String! coverage: Coverage!
  description: String icon: String
  history: [RelayHistoryPoint!]! logs: [RelayLog!]! monitors: [Monitor!]!
}

type RelayHistoryPoint { timestamp: Int! events: Float! uptime: Float latency_p50: Float latency_p95: Float regions: [RegionMeasurement!]! }
type RegionMeasurement { region: String! uptime: Float latency_p50: Float }
type RelayLog { at: String! level: String! what: String! count: Float! detail: String }
type Monitor { monitor: String! at: String! rtt_open: Float rtt_read: Float rtt_write: Float disagreements: [String!]! }

type Events {
  time_range: String! total_events: Float!
  by_kind: [KindCount!]! by_day: [Named!]!
  activity_timeline: [ActivityPoint!]!
}

type ActivityPoint { timestamp: Int! date: String! events: Float! active_users: Int! zaps: Float! zap_sats: Float! }

type Client {
  name: String! count: Float!
  "Of the events that carry a client tag."
  percentage: Float!
  kinds: [Int!]! lastSeen: String! users: UserCount!
  "How many events carry a tag at all, in per cent."
  tagged_percentage: Float!
}

type TopRelay { url: String! rank: Int! events: Float! active_users: Int! health_score: Float kinds: [KindCount!]! }

type ZapsPage {
  time_range: String! count: Float! msat: String! sats: Float! checked_count: Float! checked_msat: String!
  average_sats: Float timeline: [ZapsPoint!]!
}
type ZapsPoint { timestamp: Int! date: String! zaps: Float! zap_sats: Float! }

type Cohort { week: String! users: Int! retention: [Float!]! }
type LanguageCount { language: String! events: Float! percentage: Float! }
`
