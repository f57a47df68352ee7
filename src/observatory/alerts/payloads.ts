/** What webhooks are told, as `data` of a delivery. Names are as in the API; amounts in millisatoshi are texts. */
import type { RelayFigures, Snapshot } from '../snapshot.ts'
import { isoOf } from './condition.ts'
import type { AlertRule } from './rules.ts'

/** Of the topic `snapshot`: the overview of the last 24 hours. */
export function snapshotPayload(snapshot: Snapshot): object {
  const { coverage, zaps } = snapshot
  return {
    time_range: snapshot.range,
    total_events: snapshot.events,
    unique_authors: snapshot.users.count,
    new_authors: snapshot.newUsers.count,
    total_relays: coverage.relaysKnown,
    active_relays: snapshot.activeRelays,
    connected_relays: coverage.relaysConnected,
    avg_latency_ms: snapshot.averageLatencyMs ?? null,
    latency_p50_ms: snapshot.latencyP50Ms ?? null,
    latency_p95_ms: snapshot.latencyP95Ms ?? null,
    zaps: { count: zaps.count, msat: String(zaps.msat) },
    updated_at: isoOf(snapshot.atSeconds),
  }
}

/** Of the topics `relay.discovered`, `relay.down` and `relay.up`. */
export function relayPayload(relay: RelayFigures, sinceSeconds: number): object {
  return {
    url: relay.url,
    state: relay.state,
    since: isoOf(sinceSeconds),
    name: relay.information?.name ?? null,
    software: relay.information?.software ?? null,
    health_score: relay.healthScore ?? null,
    uptime: relay.uptime === undefined ? null : relay.uptime * 100,
    latency: relay.latencyP50Ms ?? null,
    events: relay.events,
  }
}

/** Of the topic `alert`. */
export function alertPayload(
  rule: AlertRule,
  what: 'firing' | 'cleared',
  told: AlertWords,
  sinceSeconds: number,
): object {
  return {
    alert: rule.id,
    name: rule.name,
    state: what,
    time_range: rule.range,
    condition: rule.condition,
    says: told.says,
    found: told.found,
    since: isoOf(sinceSeconds),
  }
}

export interface AlertWords {
  /** The condition: `events above 1000`. */
  readonly says: string
  /** What was found: `events is 1200`. */
  readonly found: string
}
