/** A small Nostr for the page: 240 relays and what they show, the same every time; only the clock is the caller's. */
import type {
  ActivityBody,
  BrandBody,
  ClientBody,
  CohortBody,
  CoverageBody,
  EventsBody,
  FullBody,
  OverviewBody,
  RangeName,
  RecommendationsBody,
  RelayBody,
  RelayPageBody,
  TopRelayBody,
  UserCountBody,
} from '../../web/src/api/bodies.ts'

export const RELAYS = 240

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const STEPS: Readonly<Record<RangeName, number>> = { '24h': 24, '7d': 7, '30d': 30, '90d': 90, all: 400 }

const PROGRAMS = [
  'https://github.com/hoytech/strfry.git',
  'git+https://github.com/Cameri/nostream.git',
  'https://git.sr.ht/~gheartsfield/nostr-rs-relay',
  'khatru',
  null,
]
const COUNTRIES = ['DE', 'US', 'FI', 'JP', 'BR', 'CA']
const WORDS = [
  'agora',
  'relay',
  'nostr',
  'wine',
  'damus',
  'nos',
  'primal',
  'mom',
  'plebs',
  'snort',
  'eden',
  'olive',
  'marble',
  'harbour',
]
const KINDS: Readonly<Record<string, number>> = {
  1: 0.31,
  7: 0.27,
  9735: 0.08,
  6: 0.07,
  0: 0.06,
  3: 0.05,
  1059: 0.05,
  10002: 0.04,
  30023: 0.01,
  1984: 0.01,
  5: 0.01,
  20: 0.005,
  30078: 0.02,
  7777: 0.003,
  1111: 0.007,
}

/** mulberry32: numbers that look random and are the same on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const exactly = (count: number): UserCountBody => ({ count, approximate: false, error: 0 })
const about = (count: number): UserCountBody => ({ count, approximate: true, error: 0.065 })
const iso = (ms: number) => new Date(ms).toISOString()

function portions(total: number): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(KINDS).map(([kind, share]) => [kind, Math.round(total * share)]))
}

export function relaysAt(nowMs: number, range: RangeName): readonly RelayBody[] {
  const random = randomNumbers(7)
  const days = STEPS[range] / (range === '24h' ? 24 : 1)
  return Array.from({ length: RELAYS }, (_nothing, index) => relayBody(index, days, nowMs, random))
}

function relayBody(index: number, days: number, nowMs: number, random: () => number): RelayBody {
  const isDown = index % 4 === 3
  const events = Math.round(days * (isDown ? 40 : 90_000 / (index + 3)) * (0.8 + 0.4 * random()))
  const latency = isDown ? null : Math.round(30 + 900 * random() ** 3)
  const word = WORDS[index % WORDS.length]
  return {
    url: `wss://${word}${index}.example${index % 17 === 0 ? '/inbox' : ''}`,
    events,
    latency,
    latency_p95: latency === null ? null : Math.round(latency * (1.5 + random())),
    health_score: isDown ? (index % 8 === 3 ? null : 18.4) : Math.round(620 + 380 * random()) / 10,
    uptime: isDown ? 12.5 : Math.min(100, Math.round(9400 + 700 * random()) / 100),
    active_users: index % 40 === 5 ? about(Math.round(events / 9)) : exactly(Math.round(events / 9)),
    state: isDown ? 'waiting' : (['live', 'live', 'live', 'catching-up', 'polling'][index % 5] ?? 'live'),
    name: index % 3 === 0 ? `The ${word} of number ${index}` : null,
    software: PROGRAMS[index % PROGRAMS.length] ?? null,
    version: index % 5 === 4 ? null : `1.${index % 9}.0`,
    nips: [1, 2, 4, 9, 11, ...(index % 2 === 0 ? [42] : []), ...(index % 6 === 0 ? [50] : [])],
    countries: index % 7 === 6 ? [] : [COUNTRIES[index % COUNTRIES.length] ?? 'DE'],
    needs_payment: index % 11 === 0,
    needs_auth: index % 13 === 0,
    kind_distribution: portions(events),
    offences: isDown ? { 'closed-at-once': 14, 'forged-id': 3 } : {},
    first_seen: iso(nowMs - 200 * DAY_MS),
    last_event: iso(nowMs - 4000 * (index + 1)),
  }
}

export function coverageAt(nowMs: number): CoverageBody {
  return {
    relays_known: RELAYS,
    relays_watched: RELAYS,
    relays_connected: 180,
    relays_candidate: 3120,
    regions: ['eu-north'],
    first_seen: iso(nowMs - 200 * DAY_MS),
    last_seen: iso(nowMs - 900),
    future_dated: 312,
    too_old: 0,
    absurdly_dated: 41,
    repeated: 18_204_113,
    source: 'engine',
  }
}

export function overviewAt(nowMs: number, range: RangeName): OverviewBody {
  const activity = activityAt(nowMs, range)
  const events = activity.reduce((sum, point) => sum + point.events, 0)
  const sats = activity.reduce((sum, point) => sum + point.zap_sats, 0)
  const people = Math.round(events / 11)
  return {
    time_range: range,
    total_relays: RELAYS,
    active_relays: 214,
    total_events: events,
    unique_authors: people,
    avg_latency_ms: 212.4,
    updated_at: iso(nowMs),
    authors: range === 'all' ? about(people) : exactly(people),
    new_authors: exactly(Math.round(people * 0.13)),
    returning_authors: exactly(people - Math.round(people * 0.13)),
    latency_p50_ms: 128.2,
    latency_p95_ms: 604,
    zaps: {
      count: Math.round(events * 0.08),
      msat: `${sats}000`,
      sats,
      checked_count: Math.round(events * 0.05),
      checked_msat: `${Math.round(sats * 0.71)}000`,
    },
    long_form: { events: Math.round(events * 0.01), authors: 71 },
    coverage: coverageAt(nowMs),
  }
}

export function activityAt(nowMs: number, range: RangeName): readonly ActivityBody[] {
  const random = randomNumbers(11)
  const stepMs = range === '24h' ? HOUR_MS : DAY_MS
  const steps = STEPS[range]
  const last = Math.floor(nowMs / stepMs) * stepMs
  return Array.from({ length: steps }, (_nothing, index) => {
    const startMs = last - (steps - 1 - index) * stepMs
    const wave = 1 + 0.45 * Math.sin((index / (range === '24h' ? 24 : 7)) * 2 * Math.PI)
    const share = index === steps - 1 ? 0.4 : 1
    const events = Math.round((range === '24h' ? 14_000 : 310_000) * wave * share * (0.9 + 0.2 * random()))
    const zaps = Math.round(events * 0.08 * (0.8 + 0.4 * random()))
    return {
      timestamp: startMs / 1000,
      date: iso(startMs).slice(0, range === '24h' ? 13 : 10),
      events,
      active_users: Math.round(events / 6),
      zaps,
      zap_sats: zaps * 210,
    }
  })
}

export function eventsAt(nowMs: number, range: RangeName): EventsBody {
  const timeline = activityAt(nowMs, range)
  const total = timeline.reduce((sum, { events }) => sum + events, 0)
  return {
    time_range: range,
    total_events: total,
    distribution: {
      by_kind: portions(total),
      by_day: Object.fromEntries(timeline.map(({ date, events }) => [date, events])),
    },
    activity_timeline: timeline,
    languages: {
      en: 61_204,
      ja: 40_021,
      es: 9120,
      pt: 8011,
      de: 4021,
      zh: 3902,
      th: 2100,
      fr: 1990,
      ko: 800,
      el: 120,
    },
  }
}

export function clientsAt(nowMs: number): readonly ClientBody[] {
  const names = [
    'Damus',
    'Amethyst',
    'Primal',
    'Coracle',
    'noStrudel',
    'YakiHonne',
    'Jumble',
    'Snort',
    'Habla',
    'Olas',
    'Nostur',
    'A client with quite a long name indeed',
  ]
  const counts = names.map((_name, index) => Math.round(20_000 / (index + 1)))
  const tagged = counts.reduce((sum, count) => sum + count, 0)
  return names.map((name, index) => ({
    name,
    count: counts[index] ?? 0,
    percentage: ((counts[index] ?? 0) / tagged) * 100,
    kinds: [1, 7],
    lastSeen: iso(nowMs - 30_000 * (index + 1)),
    users: exactly(100),
    tagged_percentage: 17.3,
  }))
}

function topRelaysOf(relays: readonly RelayBody[]): readonly TopRelayBody[] {
  return [...relays]
    .sort((a, b) => b.events - a.events)
    .slice(0, 10)
    .map(({ url, events, active_users, health_score, kind_distribution }, index) => ({
      url,
      rank: index + 1,
      events,
      active_users: active_users.count,
      health_score,
      kind_distribution,
    }))
}

function cohortsAt(nowMs: number): readonly CohortBody[] {
  const weekMs = 7 * DAY_MS
  const random = randomNumbers(3)
  return Array.from({ length: 10 }, (_nothing, index) => ({
    week: iso(Math.floor(nowMs / weekMs) * weekMs - (9 - index) * weekMs).slice(0, 10),
    users: Math.round(1800 + 900 * random()),
    retention: Array.from({ length: 10 - index }, (_week, later) =>
      later === 0 ? 1 : (0.42 / later ** 0.45) * (0.85 + 0.3 * random()),
    ),
  }))
}

export function fullAt(nowMs: number, range: RangeName): FullBody {
  const relays = relaysAt(nowMs, range)
  return {
    time_range: range,
    generated_at: iso(nowMs),
    overview: overviewAt(nowMs, range),
    relays,
    events: eventsAt(nowMs, range),
    clients: clientsAt(nowMs),
    top_relays: topRelaysOf(relays),
    activity: activityAt(nowMs, range),
    retention: cohortsAt(nowMs),
  }
}

/** Of a Stoa that has just been started: connected to a few, and nothing seen. */
export function emptyAt(nowMs: number, range: RangeName): FullBody {
  const whole = fullAt(nowMs, range)
  const coverage: CoverageBody = {
    ...whole.overview.coverage,
    relays_known: 0,
    relays_connected: 12,
    repeated: 0,
    future_dated: 0,
    absurdly_dated: 0,
    first_seen: null,
    last_seen: null,
  }
  const overview: OverviewBody = {
    ...whole.overview,
    total_relays: 0,
    active_relays: 0,
    total_events: 0,
    unique_authors: 0,
    avg_latency_ms: null,
    authors: exactly(0),
    new_authors: exactly(0),
    returning_authors: exactly(0),
    latency_p50_ms: null,
    latency_p95_ms: null,
    zaps: { count: 0, msat: '0', sats: 0, checked_count: 0, checked_msat: '0' },
    long_form: { events: 0, authors: 0 },
    coverage,
  }
  const events = {
    ...whole.events,
    total_events: 0,
    distribution: { by_kind: {}, by_day: {} },
    activity_timeline: [],
    languages: {},
  }
  return { ...whole, overview, events, relays: [], clients: [], top_relays: [], activity: [], retention: [] }
}

export function relayPageAt(nowMs: number, range: RangeName, url: string): RelayPageBody | undefined {
  const relay = relaysAt(nowMs, range).find((known) => known.url === url)
  if (relay === undefined) return undefined
  const random = randomNumbers(5)
  const history = activityAt(nowMs, range).map(({ timestamp, events }, index) => {
    const isDark = index === 4 || index === 5
    const latency = isDark ? null : Math.round(90 + 60 * random())
    const uptime = isDark ? 0 : Math.min(100, 92 + 12 * random())
    return {
      timestamp,
      events: isDark ? 0 : Math.round(events / 9),
      uptime,
      latency_p50: latency,
      latency_p95: latency === null ? null : latency * 2,
      regions: { 'eu-north': { uptime, latency_p50: latency } },
    }
  })
  return {
    ...relay,
    updated_at: iso(nowMs),
    coverage: overviewAt(nowMs, range).coverage,
    description: 'A relay for everybody who passes by. <script>alert(1)</script>',
    icon: 'https://tracker.example/icon.png',
    history,
    logs: [
      { at: iso(nowMs - 50_000), level: 'info', what: 'live', count: 1, detail: 'caught up' },
      { at: iso(nowMs - 900_000), level: 'warn', what: 'forged-id', count: 3, detail: null },
      { at: iso(nowMs - 3_900_000), level: 'warn', what: 'closed-at-once', count: 14, detail: 'code 1013' },
    ],
    monitors: [
      {
        monitor: 'a1'.repeat(32),
        at: iso(nowMs - 600_000),
        rtt_open: 140,
        rtt_read: 210,
        rtt_write: null,
        disagreements: ['says that it needs payment'],
      },
      {
        monitor: 'b2'.repeat(32),
        at: iso(nowMs - 1_200_000),
        rtt_open: 90,
        rtt_read: null,
        rtt_write: null,
        disagreements: [],
      },
    ],
  }
}

export function recommendationsFor(pubkey: string): RecommendationsBody {
  return {
    pubkey,
    follows: 212,
    follows_with_lists: 180,
    covered: 171,
    updated_at: iso(Date.now()),
    relays: [
      {
        url: 'wss://agora0.example/inbox',
        score: 91.2,
        reaches: 140,
        adds: 140,
        health_score: 97,
        latency: 42,
        why: '140 of your follows write here; it was up 99.8 % of the time and answers in 42 ms.',
      },
      {
        url: 'wss://relay1.example',
        score: 74.9,
        reaches: 80,
        adds: 31,
        health_score: 88.1,
        latency: null,
        why: 'It adds 31 follows whom the first does not reach.',
      },
    ],
  }
}

export const BRAND: BrandBody = {
  name: 'Agora of Tests',
  tagline: 'A public square',
  accent: '',
  accent_dark: '',
  logo: '',
  domain: '',
  watch: 'network',
}
