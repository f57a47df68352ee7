/** The rows of `migrations/0013_observatory.sql`, `0017_relay_choices.sql`, `0018_observatory_retention.sql` and `0019_directory.sql`. An int8 is a `bigint`, a numeric a text of digits, a timestamptz a `Date`. */
import type { Generated, Kysely, Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import type { Range } from '../ranges.ts'
import type { RelayOrigin } from '../relay-directory.ts'
import type { RelayState } from '../relay-report.ts'

export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

interface RelaysTable {
  readonly id: Generated<number>
  readonly url: string
  readonly origin: RelayOrigin
  readonly first_seen: Generated<Date>
  readonly learnt_at: Generated<Date>
  readonly proven_at: Date | null
  readonly state: Generated<RelayState>
  readonly reason: string | null
  readonly reported_at: Date | null
  readonly cursor_since: bigint | null
  readonly cursor_until: bigint | null
  readonly failures: Generated<number>
  readonly next_try: Generated<Date>
  readonly information: unknown
  readonly software: string | null
  readonly version: string | null
  readonly nips: Generated<readonly number[]>
  readonly countries: Generated<readonly string[]>
  readonly events_24h: Generated<bigint>
  readonly last_event_at: Date | null
  readonly latency_p50_ms: number | null
  readonly latency_p95_ms: number | null
  readonly uptime: number | null
  readonly health_score: number | null
  readonly refused_at: Date | null
  readonly refused_by: string | null
  readonly refused_why: string | null
}

interface RelayRegionStatesTable {
  readonly relay: number
  readonly region: string
  readonly state: RelayState
}

interface EventsAggregatedTable {
  readonly hour: Date
  readonly relay: number
  readonly kind: number
  readonly events: bigint
}

interface NetworkEventsTable {
  readonly hour: Date
  readonly kind: number
  readonly events: bigint
  readonly zaps: bigint
  readonly zap_msat: string
}

interface ClientsTable {
  readonly name: string
  readonly events: bigint
  readonly kinds: readonly number[]
  readonly last_seen: Date
}

interface ActiveUsersTable {
  readonly day: Date
  readonly users: bigint
  readonly new_users: bigint
  readonly registers: Buffer
}

interface RelayHoursTable {
  readonly hour: Date
  readonly relay: number
  readonly region: string
  readonly watched_seconds: number
  readonly connected_seconds: number
  readonly latencies: readonly number[]
}

interface RelayLogsTable {
  readonly relay: number
  readonly hour: Date
  readonly what: string
  readonly level: 'info' | 'warn'
  readonly count: bigint
  readonly last_at: Date
  readonly detail: string | null
}

interface StatisticsSnapshotsTable {
  readonly range: Range
  readonly taken_at: Date
  readonly body: unknown
}

interface ObservationDeliveriesTable {
  readonly id: string
  readonly delivered_at: Generated<Date>
}

interface ObservationBatchesTable {
  readonly seq: Generated<bigint>
  readonly collector: string
  readonly region: string
  readonly delivered_at: Generated<Date>
  readonly observations: Buffer
  readonly reports: unknown
  readonly applied: bigint | null
  readonly set_aside: string | null
}

interface ObservatoryCheckpointsTable {
  readonly number: bigint
  readonly chunk: number
  readonly chunks: number
  readonly applied: bigint
  readonly taken_at: Generated<Date>
  readonly body: Buffer
  readonly digest: Buffer | null
  readonly unreadable: string | null
}

interface ObservatoryDamagedCheckpointsTable {
  readonly number: bigint
  readonly chunk: number
  readonly chunks: number
  readonly applied: bigint
  readonly taken_at: Date
  readonly body: Buffer
  readonly digest: Buffer | null
  readonly reason: string
  readonly set_aside_at: Generated<Date>
}

interface ObservatoryFirstDaysTable {
  readonly applied: bigint
  readonly first_day: Date
}

interface ObservatoryTooOldTable {
  readonly only_row: Generated<boolean>
  readonly observations: Generated<bigint>
}

interface ObservatoryFoldingTable {
  readonly only_row: Generated<boolean>
  readonly folded_before: Generated<Date>
  readonly first_hourly: Generated<Date>
  readonly relay: Generated<number>
}

interface ObservatoryFingerprintsTable {
  readonly day: Date
  readonly part: bigint
  readonly fingerprints: Buffer
}

declare module '../../platform/database/tables.ts' {
  interface Tables {
    relays: RelaysTable
    relay_region_states: RelayRegionStatesTable
    events_aggregated: EventsAggregatedTable
    network_events: NetworkEventsTable
    clients: ClientsTable
    active_users: ActiveUsersTable
    relay_hours: RelayHoursTable
    relay_logs: RelayLogsTable
    statistics_snapshots: StatisticsSnapshotsTable
    observation_deliveries: ObservationDeliveriesTable
    observation_batches: ObservationBatchesTable
    observatory_checkpoints: ObservatoryCheckpointsTable
    observatory_damaged_checkpoints: ObservatoryDamagedCheckpointsTable
    observatory_fingerprints: ObservatoryFingerprintsTable
    observatory_first_days: ObservatoryFirstDaysTable
    observatory_too_old: ObservatoryTooOldTable
    observatory_folding: ObservatoryFoldingTable
  }
}
