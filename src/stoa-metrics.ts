/** The names of `/metrics` that every process has: the relay, its threads, the store. */
import { statfs } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import type { StoreStats, StoreWorkings } from './events/index.ts'
import { keptFor, METRIC_LOOK_MS, Meter, oncePerTurn, type Registry, type Sample } from './platform/index.ts'
import type { RelayStats } from './relay/index.ts'
import type { ThreadLoad } from './thread-messages.ts'

export interface MetricSources {
  readonly relay: () => RelayStats
  /** Of the threads beside the main one. */
  readonly threads: () => readonly ThreadLoad[]
  readonly store: () => StoreStats
  readonly dataDir: string
}

/** Names what `/metrics` says of the relay and the store. Read when asked for, so that counting costs nothing. */
export function registerMetrics(registry: Registry, sources: MetricSources): void {
  const meter = new Meter(registry)
  const relay = oncePerTurn(sources.relay)
  const store = oncePerTurn(sources.store)
  registerRelay(meter, relay)
  registerEvents(meter, relay)
  registerRequests(meter, relay)
  registerPolicies(meter, relay)
  registerThreads(meter, sources.threads)
  registerStore(meter, store)
  registerStoreWorkings(meter, () => store().workings)
  registerDisk(meter, sources.dataDir)
}

/** The numbers of a record, labelled by their names. */
export function byName(numbers: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(numbers).map(([name, value]) => [[name], value])
}

function registerRelay(meter: Meter, relay: () => RelayStats): void {
  meter.gauge('stoa_relay_connections', 'Open WebSocket connections.', () => relay().connections)
  meter.counter(
    'stoa_relay_connections_opened_total',
    'Connections accepted.',
    () => relay().connectionsOpened,
  )
  meter.counter(
    'stoa_relay_connections_refused_total',
    'Connections refused by a limit.',
    () => relay().connectionsRefused,
  )
  meter.gauges(
    'stoa_relay_connections_held',
    'Connections that are not read from at the moment: the store is behind, or the client does not read its answers.',
    ['by'],
    () => byName(relay().heldConnections),
  )
  meter.gauge('stoa_relay_subscriptions', 'Open subscriptions.', () => relay().subscriptions)
  meter.counter('stoa_relay_received_bytes_total', 'Bytes received over WebSocket.', () => relay().bytesIn)
  meter.counter('stoa_relay_sent_bytes_total', 'Bytes sent over WebSocket.', () => relay().bytesOut)
  meter.gauge('stoa_relay_unsent_bytes', 'Bytes that clients have not taken yet.', () => relay().unsentBytes)
  meter.counters('stoa_relay_messages_total', 'Client messages.', ['verb'], () => byName(relay().messages))
  meter.gauges('stoa_relay_queue_entries', 'What waits inside the relay, by what for.', ['queue'], () =>
    byName(relay().queues),
  )
}

function registerEvents(meter: Meter, relay: () => RelayStats): void {
  meter.counters('stoa_relay_events_total', 'EVENTs by how they were answered.', ['result'], () =>
    byName(relay().events),
  )
  meter.counters(
    'stoa_relay_refusals_total',
    'EVENTs answered OK false, by the prefix of the reason.',
    ['reason'],
    () => byName(relay().refusals),
  )
  meter.gauge('stoa_relay_events_waiting', 'EVENTs waiting for the store.', () => relay().unansweredEvents)
  meter.counters(
    'stoa_relay_known_lookups_total',
    'Whether an id was stored already, asked before the signature check; asked: the store had to be waited for.',
    ['known'],
    () => byName(relay().known),
  )
  meter.counters(
    'stoa_relay_checks_total',
    'Ids and signatures that were checked, by what came of it.',
    ['result'],
    () => byName(relay().checks),
  )
  meter.histogram(
    'stoa_relay_event_duration_seconds',
    'From an EVENT for the store to its OK.',
    () => relay().storing,
  )
  meter.counter('stoa_relay_delivered_total', 'Live events sent to subscriptions.', () => relay().delivered)
}

function registerRequests(meter: Meter, relay: () => RelayStats): void {
  meter.gauge('stoa_relay_queries_running', 'Queries in progress.', () => relay().runningQueries)
  meter.histogram('stoa_relay_query_duration_seconds', 'From a REQ to its EOSE.', () => relay().querying)
  meter.histogram('stoa_relay_count_duration_seconds', 'From a COUNT to its answer.', () => relay().counting)
  meter.counter('stoa_relay_served_total', 'Stored events sent in answer to REQ.', () => relay().served)
  meter.counter(
    'stoa_relay_closed_total',
    'Subscriptions and counts refused or ended by the relay.',
    () => relay().closedByUs,
  )
  meter.counters(
    'stoa_relay_slow_readers_total',
    'Subscriptions ended because their client did not keep up, by what had gathered.',
    ['by'],
    () => byName(relay().slowReaders),
  )
  meter.gauge('stoa_relay_reconciliations', 'Open reconciliations (NIP-77).', () => relay().reconciliations)
  meter.gauge(
    'stoa_relay_reconciliation_bytes',
    'Memory of the snapshots of open reconciliations.',
    () => relay().reconciliationBytes,
  )
}

function registerPolicies(meter: Meter, relay: () => RelayStats): void {
  meter.counters(
    'stoa_policies_verdicts_total',
    'What each policy has said of EVENTs of clients.',
    ['policy', 'verdict'],
    () =>
      Object.entries(relay().policies).flatMap(([policy, counts]) =>
        Object.entries(counts).map(([verdict, count]): Sample => [[policy, verdict], count]),
      ),
  )
  meter.gauges(
    'stoa_policies_remembered_entries',
    'What policies keep in memory (keys, addresses, texts), of all relay threads together.',
    ['policy'],
    () => byName(relay().remembered),
  )
  const outside = (name: 'up' | 'waiting' | 'maxWaiting' | 'unanswered' | 'failures' | 'starts') => () =>
    Object.entries(relay().outside).map(([policy, stats]): Sample => [[policy], stats[name]])
  meter.gauges(
    'stoa_policies_outside_up',
    'Relay threads whose plugin runs, or whose hook can be asked.',
    ['policy'],
    outside('up'),
  )
  meter.gauges(
    'stoa_policies_outside_waiting',
    'EVENTs that wait for a plugin or a hook.',
    ['policy'],
    outside('waiting'),
  )
  meter.gauges(
    'stoa_policies_outside_waiting_limit',
    'EVENTs that may wait for a plugin or a hook.',
    ['policy'],
    outside('maxWaiting'),
  )
  meter.counters(
    'stoa_policies_outside_unanswered_total',
    'EVENTs decided without the plugin or hook: it was down, full or too slow.',
    ['policy'],
    outside('unanswered'),
  )
  meter.counters(
    'stoa_policies_outside_failures_total',
    'Times that a plugin ended or hung, or a request to a hook failed.',
    ['policy'],
    outside('failures'),
  )
  meter.counters(
    'stoa_policies_outside_starts_total',
    'Times that a plugin was started, the first included.',
    ['policy'],
    outside('starts'),
  )
}

function registerThreads(meter: Meter, threads: () => readonly ThreadLoad[]): void {
  meter.counters(
    'stoa_thread_busy_seconds_total',
    'Time in which the event loop of a thread had work; its rate is the share of a processor.',
    ['thread'],
    () => [
      [['main'], performance.eventLoopUtilization().active / 1_000],
      ...threads().map(({ name, busySeconds }): Sample => [[name], busySeconds]),
    ],
  )
  meter.gauges(
    'stoa_thread_event_loop_delay_seconds',
    'How late the event loop of a relay thread was at worst in the last second; nodejs_eventloop_lag_* is that of the main thread.',
    ['thread'],
    () =>
      threads().flatMap(({ name, delaySeconds }) =>
        delaySeconds === undefined ? [] : [[[name], delaySeconds] as const],
      ),
  )
}

function registerStore(meter: Meter, store: () => StoreStats): void {
  meter.gauge('stoa_store_events', 'Stored events.', () => store().events)
  meter.gauge('stoa_store_disk_bytes', 'Bytes on disk.', () => store().diskBytes)
  meter.gauge('stoa_store_memory_bytes', 'Memory of indexes and cached events.', () => store().memoryBytes)
}

function registerStoreWorkings(meter: Meter, workings: () => StoreWorkings | undefined): void {
  meter.counter(
    'stoa_store_groups_total',
    'Writes that were made durable together.',
    () => workings()?.groups,
  )
  meter.counter(
    'stoa_store_group_events_total',
    'Events stored by them; divided by the groups, the size of a group.',
    () => workings()?.groupedEvents,
  )
  meter.counter(
    'stoa_store_group_failures_total',
    'Groups that could not be written.',
    () => workings()?.failedGroups,
  )
  meter.histogram(
    'stoa_store_group_duration_seconds',
    'From the start of a write to its being durable.',
    () => workings()?.writing,
  )
  meter.gauges('stoa_store_queue_entries', 'What waits in the store, by what for.', ['queue'], () =>
    Object.entries(workings()?.queues ?? {}).map(([queue, { entries }]): Sample => [[queue], entries]),
  )
  meter.gauges(
    'stoa_store_queue_limit_entries',
    'What may wait in the store, where that has a limit of its own.',
    ['queue'],
    () =>
      Object.entries(workings()?.queues ?? {}).flatMap(([queue, { limit }]) =>
        limit === undefined ? [] : [[[queue], limit] as const],
      ),
  )
  const caches = (name: 'hits' | 'misses' | 'bytes') => () =>
    Object.entries(workings()?.caches ?? {}).map(([cache, stats]): Sample => [[cache], stats[name]])
  meter.counters('stoa_store_cache_hits_total', 'Found in a cache of the store.', ['cache'], caches('hits'))
  meter.counters(
    'stoa_store_cache_misses_total',
    'Not found in a cache of the store, and read from disk.',
    ['cache'],
    caches('misses'),
  )
  meter.gauges('stoa_store_cache_bytes', 'Memory of a cache of the store.', ['cache'], caches('bytes'))
  meter.gauge('stoa_store_segments', 'Segment files of the event log.', () => workings()?.segments)
  meter.counter(
    'stoa_store_read_bytes_total',
    'Bytes of events that the thread of the store has read from disk.',
    () => workings()?.readBytes,
  )
  registerStorePools(meter, workings)
}

function registerStorePools(meter: Meter, workings: () => StoreWorkings | undefined): void {
  const pools = (name: 'open' | 'idle' | 'waiting' | 'limit') => () =>
    Object.entries(workings()?.pools ?? {}).map(([pool, stats]): Sample => [[pool], stats[name]])
  meter.gauges(
    'stoa_store_pool_connections',
    'Open connections of the store to PostgreSQL.',
    ['pool'],
    pools('open'),
  )
  meter.gauges('stoa_store_pool_idle_connections', 'Those of them that nobody uses.', ['pool'], pools('idle'))
  meter.gauges(
    'stoa_store_pool_limit_connections',
    'Connections of the store that may be open.',
    ['pool'],
    pools('limit'),
  )
  meter.gauges(
    'stoa_store_pool_waiting',
    'Statements that wait for a connection of the store.',
    ['pool'],
    pools('waiting'),
  )
}

/** As a user without privileges may fill it. */
function registerDisk(meter: Meter, dataDir: string): void {
  const disk = keptFor(METRIC_LOOK_MS, () => statfs(dataDir))
  meter.gauge('stoa_data_free_bytes', 'Free bytes of the disk that the data folder is on.', async () => {
    const { bavail, bsize } = await disk()
    return bavail * bsize
  })
  meter.gauge('stoa_data_size_bytes', 'Size of the disk that the data folder is on, in bytes.', async () => {
    const { blocks, bsize } = await disk()
    return blocks * bsize
  })
}
