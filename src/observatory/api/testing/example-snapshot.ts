/** Figures of a made-up network: always the same for the same range, and rich enough for a page to look alive. */
import { RANGES, type Range, rangeStart, rangeStep, SECONDS_PER_DAY } from '../../ranges.ts'
import type { RelayInformationFacts, RelayState } from '../../relay-report.ts'
import type {
  ClientFigures,
  Cohort,
  RelayFigures,
  Snapshot,
  TimelinePoint,
  UserCount,
} from '../../snapshot.ts'

/** Half past two in the afternoon of 21 November 2026, UTC. */
export const EXAMPLE_NOW_SECONDS = Date.parse('2026-11-21T14:30:00Z') / 1_000
const EXAMPLE_RELAYS = 240

const DAYS: Readonly<Record<Range, number>> = { '24h': 1, '7d': 7, '30d': 30, '90d': 90, all: 200 }
const ADJECTIVES = [
  'quiet',
  'amber',
  'northern',
  'open',
  'brisk',
  'silver',
  'lucid',
  'plain',
  'green',
  'distant',
  'early',
  'warm',
  'hidden',
  'bright',
  'steady',
  'salt',
]
const NOUNS = [
  'harbor',
  'meadow',
  'lantern',
  'orchard',
  'signal',
  'ridge',
  'river',
  'atrium',
  'garden',
  'bridge',
  'market',
  'square',
  'tower',
  'island',
  'forest',
]
const SOFTWARE = [
  'git+https://github.com/hoytech/strfry.git',
  'https://github.com/scsibug/nostr-rs-relay',
  'https://git.example/khatru',
  'stoa',
  'https://github.com/cameri/nostream',
]
const COUNTRIES = ['US', 'DE', 'JP', 'FI', 'SG', 'BR', 'CA', 'NL', 'FR', 'GB']
const KINDS = [1, 7, 0, 3, 9735, 6, 10002, 30023, 1984, 1059]
const CLIENTS = [
  'Damus',
  'Primal',
  'Amethyst',
  'Coracle',
  'noStrudel',
  'Snort',
  'YakiHonne',
  'Nostur',
  'Jumble',
  'Iris',
  'Gossip',
  'Habla',
  'Zap.stream',
  'Flotilla',
]
const LANGUAGE_SHARES = [
  ['en', 0.52],
  ['ja', 0.21],
  ['es', 0.08],
  ['pt', 0.06],
  ['de', 0.05],
  ['fr', 0.03],
  ['zh', 0.03],
  ['ko', 0.02],
] as const

/** The figures of one range. */
export function exampleSnapshot(range: Range = '24h'): Snapshot {
  const random = randomOf(RANGES.indexOf(range) + 1)
  const days = DAYS[range]
  const startSeconds = rangeStart(range, EXAMPLE_NOW_SECONDS)
  const timeline = timelineOf(range, random)
  const events = timeline.reduce((sum, point) => sum + point.events, 0)
  const zaps = timeline.reduce((sum, point) => sum + point.zaps, 0)
  const zapMsat = timeline.reduce((sum, point) => sum + point.zapMsat, 0n)
  const users = Math.round(18_000 * days ** 0.4)
  const taggedEvents = Math.round(events * 0.34)
  const relays = Array.from({ length: EXAMPLE_RELAYS }, (_, n) => relayOf(n, events, users))
  const latencies = relays.flatMap(({ latencyP50Ms }) => latencyP50Ms ?? [])
  return {
    range,
    atSeconds: EXAMPLE_NOW_SECONDS,
    startSeconds,
    coverage: {
      relaysKnown: EXAMPLE_RELAYS,
      relaysWatched: 232,
      relaysConnected: relays.filter(({ state }) => state === 'live').length,
      relaysCandidate: 1_418,
      regions: ['eu-central', 'us-east'],
      firstSeenSeconds: EXAMPLE_NOW_SECONDS - 200 * SECONDS_PER_DAY,
      lastSeenSeconds: EXAMPLE_NOW_SECONDS,
      futureDated: 37 * days,
      absurdlyDated: 4 * days,
      repeated: events * 5,
    },
    events,
    users: exactly(users),
    newUsers: exactly(Math.round(users * 0.18)),
    returningUsers: exactly(users - Math.round(users * 0.18)),
    activeRelays: relays.filter((relay) => relay.events > 0).length,
    latencyP50Ms: 142.4,
    latencyP95Ms: 611.9,
    averageLatencyMs: latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length,
    byKind: kindsOf(events),
    timeline,
    zaps: {
      count: zaps,
      msat: zapMsat,
      checkedCount: Math.round(zaps * 0.91),
      checkedMsat: (zapMsat * 91n) / 100n,
    },
    longForm: { events: Math.round(events * 0.004), users: exactly(Math.round(users * 0.006)) },
    languages: LANGUAGE_SHARES.map(([language, share]) => ({
      language,
      events: Math.round(events * 0.3 * share),
    })),
    clients: CLIENTS.map((name, n) => clientOf(name, n, taggedEvents)),
    taggedEvents,
    relays,
    cohorts: cohortsOf(random),
  }
}

function exactly(count: number): UserCount {
  return { count, isApproximate: false, error: 0 }
}

function timelineOf(range: Range, random: () => number): readonly TimelinePoint[] {
  const step = rangeStep(range)
  const steps = range === '24h' ? 24 : DAYS[range]
  const last = Math.floor(EXAMPLE_NOW_SECONDS / step) * step
  return Array.from({ length: steps }, (_, n) => {
    const startSeconds = last - (steps - 1 - n) * step
    // Fewer in the night, fewer at weekends, and slowly more over the months.
    const phase = step < SECONDS_PER_DAY ? (startSeconds % SECONDS_PER_DAY) / SECONDS_PER_DAY : n / 7
    const wave = 1 + 0.35 * Math.sin((phase - 0.35) * 2 * Math.PI)
    const events = Math.round((step / 3600) * 15_500 * wave * (0.93 + 0.14 * random()) * (1 + n / steps / 8))
    const zaps = Math.round(events * (0.011 + 0.004 * random()))
    return {
      startSeconds,
      events,
      users: Math.round(events ** 0.78),
      zaps,
      zapMsat: BigInt(zaps) * BigInt(Math.round(180 + 400 * random())) * 1_000n,
    }
  })
}

function kindsOf(events: number) {
  // Zipf: each kind has half as much as the one before it, roughly.
  const weights = KINDS.map((_, n) => 1 / (n + 1) ** 1.3)
  const sum = weights.reduce((a, b) => a + b, 0)
  return KINDS.map((kind, n) => ({ kind, events: Math.floor((events * weights[n]!) / sum) }))
}

function relayOf(n: number, allEvents: number, allUsers: number): RelayFigures {
  // Of the relay alone, so that it is the same relay in every range.
  const random = randomOf(1_000 + n)
  const state = stateOf(n)
  const isMeasured = n % 30 !== 29
  const events = state === 'refused' ? 0 : Math.floor((allEvents * 0.72) / (1 + n / 6) ** 1.15)
  const latency = 28 + 900 * random() ** 3
  const uptime = state === 'live' ? 0.97 + 0.03 * random() : 0.35 + 0.5 * random()
  const name = `${ADJECTIVES[n % ADJECTIVES.length]}-${NOUNS[Math.floor(n / ADJECTIVES.length)]}`
  return {
    relay: n + 1,
    url: `wss://${n % 3 === 0 ? 'relay.' : ''}${name}.example`,
    state,
    events,
    users: exactly(Math.min(events, Math.floor((allUsers * 0.8) / (1 + n / 9)))),
    kinds: kindsOf(events).filter((kind) => kind.events > 0),
    latencyP50Ms: isMeasured ? latency : undefined,
    latencyP95Ms: isMeasured ? latency * (1.8 + random()) : undefined,
    uptime: isMeasured ? uptime : undefined,
    healthScore: isMeasured ? Math.max(0, Math.min(100, uptime * 100 - latency / 40)) : undefined,
    information: n % 17 === 16 ? undefined : informationOf(n, name, random),
    offences: n % 11 === 10 ? { 'forged-id': 3 + n, 'not-asked-for': 120 } : {},
    firstSeenSeconds: EXAMPLE_NOW_SECONDS - (200 - (n % 190)) * SECONDS_PER_DAY,
    lastEventSeconds: events === 0 ? undefined : EXAMPLE_NOW_SECONDS - (n % 40) * 7,
  }
}

function stateOf(n: number): RelayState {
  if (n % 40 === 39) return 'refused'
  if (n % 13 === 12) return 'waiting'
  if (n % 19 === 18) return 'polling'
  return n % 23 === 22 ? 'catching-up' : 'live'
}

function informationOf(n: number, name: string, random: () => number): RelayInformationFacts {
  return {
    name: name.replace('-', ' '),
    description: 'A relay of the example network.',
    software: SOFTWARE[n % SOFTWARE.length]!,
    version: `${1 + (n % 3)}.${n % 10}.0`,
    nips: [1, 2, 9, 11, ...(random() < 0.7 ? [42] : []), ...(random() < 0.4 ? [45, 50] : [])],
    countries: n % 7 === 6 ? [] : [COUNTRIES[n % COUNTRIES.length]!],
    needsPayment: n % 10 === 3,
    needsAuth: n % 12 === 5,
    needsWork: n % 50 === 7,
    restrictsWrites: n % 9 === 2,
    languages: [],
  }
}

function clientOf(name: string, n: number, taggedEvents: number): ClientFigures {
  const events = Math.floor((taggedEvents * 0.3) / (1 + n) ** 0.9)
  return {
    name,
    events,
    users: exactly(Math.floor(events ** 0.7)),
    kinds: KINDS.slice(0, 3 + (n % 5)).toSorted((a, b) => a - b),
    lastSeenSeconds: EXAMPLE_NOW_SECONDS - n * 11,
  }
}

function cohortsOf(random: () => number): readonly Cohort[] {
  const weeks = 10
  const monday = EXAMPLE_NOW_SECONDS - (EXAMPLE_NOW_SECONDS % SECONDS_PER_DAY) - 5 * SECONDS_PER_DAY
  return Array.from({ length: weeks }, (_, n) => {
    const users = 2_600 + Math.round(900 * random())
    const active = Array.from({ length: weeks - n }, (__, week) =>
      week === 0 ? users : Math.round(users * (0.42 / week ** 0.35) * (0.9 + 0.2 * random())),
    )
    return { weekStartSeconds: monday - (weeks - 1 - n) * 7 * SECONDS_PER_DAY, users, active }
  })
}

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed * 0x9e3779b9
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
