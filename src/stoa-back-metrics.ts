/** The names of `/metrics` that say how the rooms behind the relay are doing: health, bus, database, moderation, mirrors. */
import type { AuditLog } from './audit/index.ts'
import { type BackupStats, registerBackupMetrics } from './backup/index.ts'
import type { RailFigures, SettlementFigures } from './console/index.ts'
import type { MirrorStatus } from './mirrors/index.ts'
import type { ModerationStatus } from './moderation/index.ts'
import { type Bus, MAX_HELD_MESSAGES } from './platform/bus/index.ts'
import type { DatabaseStats } from './platform/database/index.ts'
import { type Health, keptFor, METRIC_LOOK_MS, Meter, type Registry, type Sample } from './platform/index.ts'
import { type RetentionStats, registerRetentionMetrics } from './retention/index.ts'
import { byName } from './stoa-metrics.ts'
import type { SharedStats } from './stoa-shared.ts'

/** Statuses of a component, each a series of its own. */
const STATUSES = ['ok', 'degraded', 'failed', 'draining'] as const
/** Each a series of its own, so that an alert can name one. */
const MIRROR_PHASES = ['connecting', 'catching-up', 'live', 'waiting', 'paused'] as const

export interface BackSources {
  readonly health: () => Promise<Health>
  readonly shared: () => SharedStats
  readonly bus: Pick<Bus, 'memory'>
  /** How many entries each access list has. */
  readonly listSizes: () => Readonly<Record<string, number>>
}

/** What every process has, whatever its roles. */
export function registerBackMetrics(registry: Registry, sources: BackSources): void {
  const meter = new Meter(registry)
  const health = keptFor(METRIC_LOOK_MS, sources.health)
  meter.gauges(
    'stoa_component_status',
    '1 for the status that a component of /health has, 0 for the others.',
    ['component', 'status'],
    async () =>
      Object.entries(await health()).flatMap(([component, { status }]) =>
        STATUSES.map((name): Sample => [[component, name], name === status ? 1 : 0]),
      ),
  )
  meter.gauges('stoa_access_list_entries', 'What operators have decided, by list.', ['list'], () =>
    byName(sources.listSizes()),
  )
  registerBus(meter, sources)
  registerProcessBus(meter, () => sources.shared().processBus)
  registerRegistry(meter, () => sources.shared().registry)
}

function registerBus(meter: Meter, { shared, bus }: BackSources): void {
  const counters = () => shared().bus.counters
  meter.gauges('stoa_bus_up', '1 while the bus works; kind is memory or redis.', ['kind'], () => {
    const { kind, state } = shared().bus
    return [[[kind], state === 'ok' ? 1 : 0]]
  })
  meter.counter('stoa_bus_published_total', 'Messages published on the bus.', () => counters().published)
  meter.counter('stoa_bus_received_total', 'Messages received from the bus.', () => counters().received)
  meter.counter(
    'stoa_bus_dropped_total',
    'Messages that were not sent, or of which nobody knows.',
    () => counters().dropped,
  )
  meter.gauge('stoa_bus_held', 'Messages waiting for the bus to come back.', () => counters().held)
  meter.gauge('stoa_bus_held_limit', 'Messages that may wait for the bus.', () => MAX_HELD_MESSAGES)
  meter.gauge('stoa_bus_subscriptions', 'Channels listened to.', () => counters().subscriptions)
  meter.counter('stoa_bus_refused_total', 'Operations that the bus did not do.', () => counters().refused)
  meter.counter('stoa_bus_recoveries_total', 'Times that the bus came back.', () => counters().recoveries)
  meter.counter(
    'stoa_bus_local_tokens_total',
    'Rates that were counted by this process alone, because the bus was away.',
    () => counters().localTokens,
  )
  const memory = keptFor(METRIC_LOOK_MS, async () => {
    const outcome = await bus.memory?.()
    return outcome?.ok === true ? outcome.value : undefined
  })
  meter.gauge('stoa_bus_memory_bytes', 'Memory that Redis uses.', async () => (await memory())?.usedBytes)
  meter.gauge(
    'stoa_bus_memory_limit_bytes',
    'Memory that Redis may use; 0: no limit is set.',
    async () => (await memory())?.maxBytes,
  )
}

function registerProcessBus(meter: Meter, counters: () => SharedStats['processBus']): void {
  meter.counter(
    'stoa_process_bus_sent_events_total',
    'New events told to other processes.',
    () => counters()?.eventsSent,
  )
  meter.counter(
    'stoa_process_bus_received_events_total',
    'New events heard of from other processes.',
    () => counters()?.eventsReceived,
  )
  meter.counter(
    'stoa_process_bus_missed_messages_total',
    'Messages of other processes that never came; their events were not delivered here.',
    () => counters()?.messagesMissed,
  )
  meter.counter(
    'stoa_process_bus_malformed_messages_total',
    'Messages of other processes that could not be read.',
    () => counters()?.messagesMalformed,
  )
}

function registerRegistry(meter: Meter, counters: () => SharedStats['registry']): void {
  meter.counters(
    'stoa_registry_writes_total',
    'Connections written to the registry, by what was written.',
    ['change'],
    () => {
      const { put = 0, touched = 0, removed = 0 } = counters() ?? {}
      return byName({ put, touched, removed })
    },
  )
  meter.counter('stoa_registry_rounds_total', 'Renewals of the registry.', () => counters()?.rounds)
  meter.counter(
    'stoa_registry_failures_total',
    'Renewals of the registry that were refused.',
    () => counters()?.refusedRounds,
  )
  meter.counter(
    'stoa_registry_losses_total',
    'Times that the registry had lost connections of this process.',
    () => counters()?.losses,
  )
  meter.gauge(
    'stoa_registry_pending',
    'Connections of which the registry may show something else.',
    () => counters()?.pending,
  )
}

export interface OfficeSources {
  /** Undefined until it is open. */
  readonly database: () => DatabaseStats | undefined
  /** Undefined until it is open. */
  readonly moderation: () => Promise<ModerationStatus> | undefined
  readonly audit: () => AuditLog | undefined
}

/** What a process with a database has. */
export function registerOfficeMetrics(
  registry: Registry,
  { database, moderation, audit }: OfficeSources,
): void {
  const meter = new Meter(registry)
  const queue = keptFor(METRIC_LOOK_MS, moderation)
  const head = keptFor(METRIC_LOOK_MS, async () => audit()?.head())
  meter.gauge('stoa_database_connections', 'Open connections to the database.', () => database()?.open)
  meter.gauge('stoa_database_idle_connections', 'Those of them that nobody uses.', () => database()?.idle)
  meter.gauge('stoa_database_limit_connections', 'Connections that may be open.', () => database()?.limit)
  meter.gauge('stoa_database_waiting', 'Statements that wait for a connection.', () => database()?.waiting)
  meter.histogram(
    'stoa_database_statement_duration_seconds',
    'How long statements took that the database answered.',
    () => database()?.statements,
  )
  meter.counter(
    'stoa_database_errors_total',
    'Statements that failed, and idle connections that broke.',
    () => database()?.errors,
  )
  meter.gauge(
    'stoa_moderation_held_events',
    'Events that wait for a moderator.',
    async () => (await queue())?.heldEvents,
  )
  meter.gauge(
    'stoa_moderation_open_reports',
    'Reports that wait for a moderator.',
    async () => (await queue())?.openReports,
  )
  meter.gauge('stoa_audit_entries', 'Rows of the audit log.', async () => {
    const newest = await head()
    return audit() === undefined ? undefined : (newest?.number ?? 0)
  })
}

/** What a process with the role `ilp` has, while it is the node. */
export function registerSettlementMetrics(
  registry: Registry,
  figures: () => Promise<SettlementFigures> | undefined,
): void {
  const meter = new Meter(registry)
  const kept = keptFor(METRIC_LOOK_MS, async () => figures())
  const each = (read: (rail: RailFigures) => number) => async () =>
    ((await kept())?.rails ?? []).map((rail): Sample => [[rail.rail], read(rail)])
  meter.gauges('stoa_settlement_orders', 'Orders of settlement, by state.', ['rail', 'state'], async () =>
    ((await kept())?.orders ?? []).map(({ rail, state, count }): Sample => [[rail, state], count]),
  )
  meter.gauges(
    'stoa_settlement_channels',
    'Payment channels; direction is in where we are the payee.',
    ['rail', 'direction', 'state'],
    async () =>
      ((await kept())?.channels ?? []).map(
        ({ rail, direction, state, count }): Sample => [[rail, direction, state], count],
      ),
  )
  meter.gauges(
    'stoa_settlement_rail_up',
    '1 while the rounds of a rail come to their end.',
    ['rail'],
    each(({ status }) => Number(status === 'ok')),
  )
  meter.gauges(
    'stoa_settlement_rail_failed_rounds',
    'Rounds of a rail, in a row, that did not come to their end.',
    ['rail'],
    each(({ failedRounds }) => failedRounds),
  )
  meter.gauges(
    'stoa_settlement_rail_last_round_seconds',
    'Unix time at which the last round of a rail ended; 0 before that.',
    ['rail'],
    each(({ lastRoundMs = 0 }) => lastRoundMs / 1_000),
  )
  meter.gauges(
    'stoa_settlement_undelivered_claims',
    'Channels of ours whose payee has not said yet that it has the last claim.',
    ['rail'],
    each(({ undelivered }) => undelivered),
  )
  meter.gauge(
    'stoa_settlement_waiting_notices',
    'What connectors that settle through this node are still to be told.',
    async () => (await kept())?.noticesWaiting,
  )
}

export interface ServiceSources {
  readonly mirrors: () => readonly MirrorStatus[]
  /** Undefined while this process does not do it. */
  readonly retention: () => RetentionStats | undefined
  /** Undefined while this process does not do it. */
  readonly backups: () => BackupStats | undefined
}

/** What a process with the role `jobs` has; it may do it now, and not do it later. */
export function registerServiceMetrics(registry: Registry, sources: ServiceSources): void {
  registerRetentionMetrics(registry, sources.retention)
  registerBackupMetrics(registry, sources.backups)
  registerMirrors(new Meter(registry), sources.mirrors)
}

/** A mirror's name is its address without user and password; there are at most a hundred. */
function registerMirrors(meter: Meter, mirrors: () => readonly MirrorStatus[]): void {
  const each = (read: (mirror: MirrorStatus) => number) => () =>
    mirrors().map((mirror): Sample => [[mirror.name], read(mirror)])
  meter.gauges(
    'stoa_mirror_phase',
    '1 for the phase that a mirror is in, 0 for the others.',
    ['mirror', 'phase'],
    () =>
      mirrors().flatMap(({ name, phase }) =>
        MIRROR_PHASES.map((one): Sample => [[name, one], one === phase ? 1 : 0]),
      ),
  )
  meter.gauges(
    'stoa_mirror_open_gaps',
    'Spans of the past that a mirror has still to do.',
    ['mirror'],
    each(({ openGaps }) => openGaps),
  )
  meter.gauges(
    'stoa_mirror_last_event_seconds',
    'Unix time at which something came or went last; 0 before that.',
    ['mirror'],
    each(({ lastEventSeconds = 0 }) => lastEventSeconds),
  )
  meter.counters(
    'stoa_mirror_connections_total',
    'Connections that a mirror has made.',
    ['mirror'],
    each(({ connections }) => connections),
  )
  meter.counters(
    'stoa_mirror_overflowed_total',
    'Live events that wait for the next comparison because too many were on their way out.',
    ['mirror'],
    each(({ overflowed }) => overflowed),
  )
  meter.counters(
    'stoa_mirror_events_total',
    'Events that a mirror has dealt with, by what came of them.',
    ['mirror', 'result'],
    () =>
      mirrors().flatMap(({ name, totals }) =>
        Object.entries(totals).flatMap(([result, count]) =>
          typeof count === 'number' ? [[[name, result], count] as const] : [],
        ),
      ),
  )
}
