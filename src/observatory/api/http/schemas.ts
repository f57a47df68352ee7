/** The bodies of `bodies.ts` as schemas: the OpenAPI document shows them, and tests hold answers to them. */
import Type, { type TSchema } from 'typebox'
import { RANGES } from '../../ranges.ts'

function exactly<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

function orNull<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()])
}

const Count = Type.Integer({ minimum: 0 })
const IsoTime = Type.String({ description: 'ISO 8601, UTC.' })
const Ms = Type.Number({ minimum: 0, description: 'Milliseconds.' })
const Percent = Type.Number({ minimum: 0, maximum: 100, description: 'Per cent.' })
const Msat = Type.String({ pattern: '^\\d+$', description: 'Millisatoshi, as a text.' })
const UnixSeconds = Type.Integer({ minimum: 0, description: 'Unix seconds.' })
const Kind = Type.Integer({ minimum: 0, maximum: 65_535 })
const Counts = Type.Record(Type.String(), Count)
const RangeWord = Type.Enum([...RANGES])

export const UserCountSchema = exactly({
  count: Count,
  approximate: Type.Boolean(),
  error: Type.Number({ description: 'Standard error as a share; 0 when exact.' }),
})

export const CoverageSchema = exactly({
  relays_known: Count,
  relays_watched: Count,
  relays_connected: Count,
  relays_candidate: Count,
  regions: Type.Array(Type.String()),
  first_seen: orNull(IsoTime),
  last_seen: orNull(IsoTime),
  future_dated: Count,
  absurdly_dated: Count,
  too_old: Count,
  repeated: Count,
  source: Type.Enum(['engine', 'cache', 'database']),
})

const zaps = {
  count: Count,
  msat: Msat,
  sats: Count,
  checked_count: Count,
  checked_msat: Msat,
}

export const OverviewSchema = exactly({
  time_range: RangeWord,
  total_relays: Count,
  active_relays: Count,
  total_events: Count,
  unique_authors: Count,
  avg_latency_ms: orNull(Ms),
  updated_at: IsoTime,
  authors: UserCountSchema,
  new_authors: UserCountSchema,
  returning_authors: UserCountSchema,
  latency_p50_ms: orNull(Ms),
  latency_p95_ms: orNull(Ms),
  zaps: exactly(zaps),
  long_form: exactly({ events: Count, authors: Count }),
  coverage: CoverageSchema,
})

const relay = {
  url: Type.String(),
  events: Count,
  latency: orNull(Ms),
  latency_p95: orNull(Ms),
  health_score: orNull(Type.Number({ minimum: 0, maximum: 100 })),
  uptime: orNull(Percent),
  active_users: UserCountSchema,
  state: Type.String(),
  name: orNull(Type.String()),
  software: orNull(Type.String()),
  version: orNull(Type.String()),
  nips: Type.Array(Type.Integer()),
  countries: Type.Array(Type.String()),
  needs_payment: Type.Boolean(),
  needs_auth: Type.Boolean(),
  kind_distribution: Counts,
  offences: Counts,
  first_seen: orNull(IsoTime),
  last_event: orNull(IsoTime),
}

export const RelaySchema = exactly(relay)

export const RelayPageSchema = exactly({
  ...relay,
  updated_at: IsoTime,
  coverage: CoverageSchema,
  description: orNull(Type.String()),
  icon: orNull(Type.String()),
  history: Type.Array(
    exactly({
      timestamp: UnixSeconds,
      events: Count,
      uptime: orNull(Percent),
      latency_p50: orNull(Ms),
      latency_p95: orNull(Ms),
      regions: Type.Record(Type.String(), exactly({ uptime: orNull(Percent), latency_p50: orNull(Ms) })),
    }),
  ),
  logs: Type.Array(
    exactly({
      at: IsoTime,
      level: Type.Enum(['info', 'warn']),
      what: Type.String(),
      count: Count,
      detail: orNull(Type.String()),
    }),
  ),
  monitors: Type.Array(
    exactly({
      monitor: Type.String(),
      at: IsoTime,
      rtt_open: orNull(Ms),
      rtt_read: orNull(Ms),
      rtt_write: orNull(Ms),
      disagreements: Type.Array(Type.String()),
    }),
  ),
  records_missing: Type.Optional(Type.Literal(true)),
})

export const ActivitySchema = exactly({
  timestamp: UnixSeconds,
  date: Type.String({ description: '2026-11-21, or 2026-11-21T14 for an hour.' }),
  events: Count,
  active_users: Count,
  zaps: Count,
  zap_sats: Count,
})

export const WindowSchema = exactly({
  since: IsoTime,
  until: IsoTime,
  total_events: Count,
  authors: UserCountSchema,
  activity: Type.Array(ActivitySchema),
})

export const EventsSchema = exactly({
  time_range: RangeWord,
  total_events: Count,
  distribution: exactly({ by_kind: Counts, by_day: Counts }),
  activity_timeline: Type.Array(ActivitySchema),
  languages: Counts,
})

export const ClientSchema = exactly({
  name: Type.String(),
  count: Count,
  percentage: Percent,
  kinds: Type.Array(Kind),
  lastSeen: IsoTime,
  users: UserCountSchema,
  tagged_percentage: Percent,
})

export const TopRelaySchema = exactly({
  url: Type.String(),
  rank: Type.Integer({ minimum: 1 }),
  events: Count,
  active_users: Count,
  health_score: orNull(Type.Number({ minimum: 0, maximum: 100 })),
  kind_distribution: Counts,
})

export const ZapsPageSchema = exactly({
  ...zaps,
  time_range: RangeWord,
  average_sats: orNull(Count),
  timeline: Type.Array(
    exactly({ timestamp: UnixSeconds, date: Type.String(), zaps: Count, zap_sats: Count }),
  ),
})

export const LanguageSchema = exactly({
  language: Type.String({ description: 'ISO 639-1.' }),
  events: Count,
  percentage: Percent,
})

export const CohortSchema = exactly({
  week: Type.String({ description: 'Its first day.' }),
  users: Count,
  retention: Type.Array(Type.Number({ minimum: 0, maximum: 1 })),
})

export const FullSchema = exactly({
  time_range: RangeWord,
  generated_at: IsoTime,
  overview: OverviewSchema,
  relays: Type.Array(RelaySchema),
  events: EventsSchema,
  clients: Type.Array(ClientSchema),
  top_relays: Type.Array(TopRelaySchema),
  activity: Type.Array(ActivitySchema),
  retention: Type.Array(CohortSchema),
})

export const RecommendationsSchema = exactly({
  pubkey: Type.String(),
  follows: Count,
  follows_with_lists: Count,
  relays: Type.Array(
    exactly({
      url: Type.String(),
      score: Type.Number({ minimum: 0, maximum: 100 }),
      reaches: Count,
      adds: Count,
      health_score: orNull(Type.Number()),
      latency: orNull(Ms),
      why: Type.String(),
    }),
  ),
  covered: Count,
  updated_at: IsoTime,
})

export const SpamTextSchema = exactly({ text: Type.String({ maxLength: 50_000 }) })

export const SpamScoreSchema = exactly({
  probability: Type.Number({ minimum: 0, maximum: 1 }),
  is_spam: Type.Boolean(),
  signs: Type.Array(Type.String()),
})

export const UsageSchema = exactly({
  key: exactly({ id: Type.String(), name: Type.String() }),
  tier: Type.String(),
  requests_per_15_min: orNull(Count),
  remaining: orNull(Count),
  subscription: orNull(
    exactly({
      tier: Type.String(),
      state: Type.Enum(['active', 'lapsed', 'ended']),
      paid_month: orNull(Type.String()),
    }),
  ),
  days: Type.Array(exactly({ day: Type.String(), requests: Count })),
})

export const BrandSchema = exactly({
  name: Type.String(),
  tagline: Type.String(),
  accent: Type.String(),
  accent_dark: Type.String(),
  logo: Type.String(),
  domain: Type.String(),
  watch: Type.String(),
})

const ServiceWord = Type.Enum(['ok', 'off', 'failed'])

export const HealthSchema = exactly({
  status: Type.Enum(['ok', 'degraded', 'failed']),
  timestamp: IsoTime,
  services: exactly({ database: ServiceWord, redis: ServiceWord }),
})

export const ErrorSchema = exactly({ error: exactly({ code: Type.String(), message: Type.String() }) })
