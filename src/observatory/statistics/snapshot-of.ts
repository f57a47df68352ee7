import { LANGUAGES } from '../languages.ts'
import { type Range, rangeStart, rangeStep } from '../ranges.ts'
import type { Coverage, KindFigures, Snapshot, TimelinePoint, UserCount } from '../snapshot.ts'
import { exactly } from './approximate-users.ts'
import type { ClientTable } from './client-table.ts'
import type { KeyedCounters } from './keyed-counters.ts'
import { LATENCY_STEPS, latencyAverage, latencyPercentile } from './latency-histogram.ts'
import type { NetworkFigures } from './network-figures.ts'
import type { RelayLists } from './relay-lists.ts'
import type { RelayRecord } from './relay-record.ts'
import type { UserTable } from './user-table.ts'
import { type Window, windowOf } from './window.ts'

const KIND_LONG_FORM = 30023

/** What the engine has counted. */
export interface EngineState {
  readonly relays: readonly RelayRecord[]
  readonly relayLists: RelayLists
  readonly network: NetworkFigures
  readonly users: UserTable
  readonly clients: ClientTable
  readonly firstSeenSeconds: number | undefined
  readonly lastSeenSeconds: number | undefined
  readonly futureDated: number
  readonly absurdlyDated: number
  readonly repeated: number
}

/** Reads the figures of a range. Nothing here walks users or events: all are sums over hours, days, relays and kinds. */
export function snapshotOf(state: EngineState, range: Range, nowSeconds: number): Snapshot {
  const { network, users } = state
  const window = windowOf(range, nowSeconds)
  const sum = network.within(window)
  const active = users.active(window)
  const newUsers = users.new(window)
  const latency = new Uint32Array(LATENCY_STEPS)
  const relays = state.relayLists.within(state.relays, { range, window, nowSeconds, latency })
  return {
    range,
    atSeconds: nowSeconds,
    startSeconds: rangeStart(range, nowSeconds),
    coverage: coverageOf(state, nowSeconds),
    events: sum.events,
    users: active,
    newUsers,
    returningUsers: returning(active, newUsers),
    activeRelays: relays.filter(({ events }) => events > 0).length,
    latencyP50Ms: latencyPercentile(latency, 0.5),
    latencyP95Ms: latencyPercentile(latency, 0.95),
    averageLatencyMs: latencyAverage(latency),
    byKind: kindsWithin(network.kinds, window),
    timeline: timelineOf(state, range, nowSeconds),
    zaps: {
      count: sum.zaps,
      msat: sum.zapMsat,
      checkedCount: sum.checkedZaps,
      checkedMsat: sum.checkedMsat,
    },
    longForm: {
      events: network.kinds.countOf(KIND_LONG_FORM, window),
      users: network.longFormUsers.within(window),
    },
    languages: network.languages
      .within(window)
      .map(({ key, count }) => ({ language: LANGUAGES[key] ?? '', events: count })),
    clients: state.clients.within(window),
    taggedEvents: sum.tagged,
    relays,
    cohorts: users.cohorts(nowSeconds),
  }
}

/** Active users are those who are new and those who were there before. */
function returning(active: UserCount, newUsers: UserCount): UserCount {
  const count = active.count - newUsers.count
  if (!active.isApproximate) return exactly(count)
  // The error of the difference, in users, as a share of what is left.
  const users = Math.hypot(active.count * active.error, newUsers.count * newUsers.error)
  return { count, isApproximate: true, error: Math.min(1, users / Math.max(1, count)) }
}

function kindsWithin(kinds: KeyedCounters, window: Window): KindFigures[] {
  return kinds.within(window).map(({ key, count }) => ({ kind: key, events: count }))
}

/**
 * Every hour of `24h` and every day of the others, with or without events; for `all` from the first day that had any. The
 * hour or day after the last one is there too if events that are dated a little ahead fall into it.
 */
function timelineOf({ network, users }: EngineState, range: Range, nowSeconds: number): TimelinePoint[] {
  const step = rangeStep(range)
  const window = windowOf(range, nowSeconds)
  const periods = network.periods(window)
  const now = Math.floor(nowSeconds / step)
  let first = window.unit === 'all' ? now : window.from
  const last = periods.has(now + 1) ? now + 1 : now
  if (window.unit === 'all') for (const start of periods.keys()) if (start < first) first = start
  const timeline: TimelinePoint[] = []
  for (let start = first; start <= last; start++) {
    const figures = periods.get(start)
    timeline.push({
      startSeconds: start * step,
      events: figures?.events ?? 0,
      users: range === '24h' ? users.inHour(start) : (figures?.users ?? 0),
      zaps: figures?.zaps ?? 0,
      zapMsat: figures?.zapMsat ?? 0n,
    })
  }
  return timeline
}

function coverageOf(state: EngineState, nowSeconds: number): Coverage {
  let [known, watched, connected] = [0, 0, 0]
  const regions = new Set<string>()
  for (const relay of state.relays) {
    if (relay.facts.isProven) known += 1
    if (relay.isWatchedAt(nowSeconds)) watched += 1
    if (relay.isConnectedAt(nowSeconds)) connected += 1
    for (const region of relay.regions) regions.add(region)
  }
  return {
    relaysKnown: known,
    relaysWatched: watched,
    relaysConnected: connected,
    relaysCandidate: state.relays.length - known,
    regions: [...regions].sort(),
    firstSeenSeconds: state.firstSeenSeconds,
    lastSeenSeconds: state.lastSeenSeconds,
    futureDated: state.futureDated,
    absurdlyDated: state.absurdlyDated,
    repeated: state.repeated,
  }
}
