import type { RelayHistoryEntry, RelayLogEntry, RelayMeasurement } from '../../history.ts'
import type { KindFigures, RelayFigures, Snapshot, SourcedSnapshot } from '../../snapshot.ts'
import type {
  MonitorBody,
  RelayBody,
  RelayHistoryPoint,
  RelayLogBody,
  RelayPageBody,
  TopRelayBody,
} from '../bodies.ts'
import { showCoverage, showUsers } from './show-overview.ts'
import { isoTime, isoTimeOrNull, percentOrNull, shownMs } from './texts.ts'

export function showRelay(relay: RelayFigures): RelayBody {
  const { information } = relay
  return {
    url: relay.url,
    events: relay.events,
    latency: shownMs(relay.latencyP50Ms),
    latency_p95: shownMs(relay.latencyP95Ms),
    health_score: relay.healthScore === undefined ? null : Math.round(relay.healthScore * 10) / 10,
    uptime: percentOrNull(relay.uptime),
    active_users: showUsers(relay.users),
    state: relay.state,
    name: information?.name ?? null,
    software: information?.software ?? null,
    version: information?.version ?? null,
    nips: information?.nips ?? [],
    countries: information?.countries ?? [],
    needs_payment: information?.needsPayment ?? false,
    needs_auth: information?.needsAuth ?? false,
    kind_distribution: byKind(relay.kinds),
    offences: relay.offences,
    first_seen: isoTimeOrNull(relay.firstSeenSeconds),
    last_event: isoTimeOrNull(relay.lastEventSeconds),
  }
}

/** What the tables know of one relay. */
export interface RelayRecords {
  readonly history: readonly RelayHistoryEntry[]
  readonly logs: readonly RelayLogEntry[]
  readonly monitors: readonly MonitorBody[]
}

interface FoundRelay {
  /** Of which `relay` is a part. */
  readonly sourced: SourcedSnapshot
  readonly relay: RelayFigures
  /** Undefined when they could not be read. */
  readonly records: RelayRecords | undefined
}

export function showRelayPage({ sourced, relay, records }: FoundRelay): RelayPageBody {
  return {
    ...showRelay(relay),
    updated_at: isoTime(sourced.snapshot.atSeconds),
    coverage: showCoverage(sourced),
    description: relay.information?.description ?? null,
    icon: relay.information?.icon ?? null,
    history: records?.history.map(showHistoryPoint) ?? [],
    logs: records?.logs.map(showLog) ?? [],
    monitors: records?.monitors ?? [],
    ...(records === undefined && { records_missing: true as const }),
  }
}

/** Most events first; the first `limit`. */
export function showTopRelays({ relays }: Pick<Snapshot, 'relays'>, limit: number): readonly TopRelayBody[] {
  return relays
    .toSorted((a, b) => b.events - a.events || (a.url < b.url ? -1 : 1))
    .slice(0, limit)
    .map((relay, index) => ({
      url: relay.url,
      rank: index + 1,
      events: relay.events,
      active_users: relay.users.count,
      health_score: showRelay(relay).health_score,
      kind_distribution: byKind(relay.kinds),
    }))
}

export function byKind(kinds: readonly KindFigures[]): Readonly<Record<string, number>> {
  return Object.fromEntries(kinds.map(({ kind, events }) => [String(kind), events]))
}

function showHistoryPoint({ startSeconds, events, regions }: RelayHistoryEntry): RelayHistoryPoint {
  const measured = [...regions.values()]
  return {
    timestamp: startSeconds,
    events,
    uptime: uptimeOf(measured),
    // Of the nearest region: how far away our other collectors are is no fault of the relay.
    latency_p50: shownMs(least(measured.map(({ latencyP50Ms }) => latencyP50Ms))),
    latency_p95: shownMs(least(measured.map(({ latencyP95Ms }) => latencyP95Ms))),
    regions: Object.fromEntries(
      Array.from(regions, ([name, one]) => [
        name,
        { uptime: uptimeOf([one]), latency_p50: shownMs(one.latencyP50Ms) },
      ]),
    ),
  }
}

function uptimeOf(measured: readonly RelayMeasurement[]): number | null {
  const watched = measured.reduce((sum, { watchedSeconds }) => sum + watchedSeconds, 0)
  const connected = measured.reduce((sum, { connectedSeconds }) => sum + connectedSeconds, 0)
  return watched === 0 ? null : percentOrNull(connected / watched)
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

function showLog({ atSeconds, level, what, count, detail }: RelayLogEntry): RelayLogBody {
  return { at: isoTime(atSeconds), level, what, count, detail: detail ?? null }
}
