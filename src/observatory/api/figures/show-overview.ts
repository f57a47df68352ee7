import type { SourcedSnapshot, UserCount, ZapFigures } from '../../snapshot.ts'
import type { CoverageBody, OverviewBody, UserCountBody, ZapsBody } from '../bodies.ts'
import { isoTime, isoTimeOrNull, satsOf, shownMs } from './texts.ts'

/** `/stats/overview`. */
export function showOverview({ snapshot, from }: SourcedSnapshot): OverviewBody {
  return {
    time_range: snapshot.range,
    total_relays: snapshot.coverage.relaysKnown,
    active_relays: snapshot.activeRelays,
    total_events: snapshot.events,
    unique_authors: snapshot.users.count,
    avg_latency_ms: shownMs(snapshot.averageLatencyMs),
    updated_at: isoTime(snapshot.atSeconds),
    authors: showUsers(snapshot.users),
    new_authors: showUsers(snapshot.newUsers),
    returning_authors: showUsers(snapshot.returningUsers),
    latency_p50_ms: shownMs(snapshot.latencyP50Ms),
    latency_p95_ms: shownMs(snapshot.latencyP95Ms),
    zaps: showZaps(snapshot.zaps),
    long_form: { events: snapshot.longForm.events, authors: snapshot.longForm.users.count },
    coverage: showCoverage({ snapshot, from }),
  }
}

export function showUsers({ count, isApproximate, error }: UserCount): UserCountBody {
  return { count, approximate: isApproximate, error }
}

export function showZaps({ count, msat, checkedCount, checkedMsat }: ZapFigures): ZapsBody {
  return {
    count,
    msat: String(msat),
    sats: satsOf(msat),
    checked_count: checkedCount,
    checked_msat: String(checkedMsat),
  }
}

export function showCoverage({
  snapshot: { coverage },
  from,
}: Pick<SourcedSnapshot, 'snapshot' | 'from'>): CoverageBody {
  return {
    relays_known: coverage.relaysKnown,
    relays_watched: coverage.relaysWatched,
    relays_connected: coverage.relaysConnected,
    relays_candidate: coverage.relaysCandidate,
    regions: coverage.regions,
    first_seen: isoTimeOrNull(coverage.firstSeenSeconds),
    last_seen: isoTimeOrNull(coverage.lastSeenSeconds),
    future_dated: coverage.futureDated,
    absurdly_dated: coverage.absurdlyDated,
    too_old: coverage.tooOld ?? 0,
    repeated: coverage.repeated,
    source: from,
  }
}
