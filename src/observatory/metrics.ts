/** The names of `/metrics` that say how the observatory is doing: `stoa_observatory_*`. */
import {
  keptFor,
  METRIC_LOOK_MS,
  Meter,
  type Reading,
  type Registry,
  type Sample,
} from '../platform/index.ts'

type Numbers<K extends string> = Readonly<Record<K, number>>

/** What the thread of the observatory says of itself. Where parts of it are made it is joined, which the compiler checks. */
export interface WatchFigures {
  readonly isKeeper: boolean
  readonly collector: Numbers<
    | 'known'
    | 'share'
    | 'connected'
    | 'connecting'
    | 'waiting'
    | 'candidates'
    | 'refused'
    | 'messages'
    | 'bytes'
    | 'uncertainSeconds'
    | 'ownOutages'
  > & { readonly ownOutageSince: number | undefined; readonly offences: Readonly<Record<string, number>> }
  readonly intake: Numbers<'observations' | 'known' | 'verified' | 'spared' | 'refused' | 'seenEvents'>
  readonly delivery: Numbers<
    'deliveries' | 'rows' | 'journalled' | 'failures' | 'failuresInARow' | 'journalBytes' | 'waitingRows'
  > & { readonly lastDeliveredSeconds: number | undefined; readonly isJournalFull: boolean }
  readonly keeper: KeeperFigures | undefined
}

interface KeeperFigures
  extends Numbers<
    | 'relays'
    | 'batches'
    | 'observations'
    | 'counted'
    | 'setAside'
    | 'tooOld'
    | 'restores'
    | 'checkpoints'
    | 'failures'
    | 'lastFlushMs'
    | 'lastCheckpointMs'
    | 'lastCheckpointBytes'
  > {
  readonly state: string
}

/** Each undefined while it is not there. What is a promise is read from the database, at most once in some seconds. */
export interface ObservatoryFigures {
  readonly watch: () => WatchFigures | undefined
  readonly journalLimitBytes: () => number
  readonly coverage: () => Promise<
    Numbers<'relaysKnown' | 'relaysWatched' | 'relaysConnected' | 'relaysCandidate'> | undefined
  >
  readonly standing: () => Promise<
    | {
        readonly snapshotAtSeconds: number | undefined
        readonly waitingBatches: number
        readonly setAsideBatches: number
        readonly unreadableState: string | undefined
        readonly collectors: readonly unknown[]
      }
    | undefined
  >
  readonly feed: () => Numbers<'stored' | 'refused' | 'leftOut' | 'waiting'> | undefined
  readonly alerts: () => Promise<
    | {
        readonly rules: readonly Counted<'state'>[]
        readonly deliveries: readonly Counted<'channel' | 'state'>[]
      }
    | undefined
  >
  readonly tiers: () => Promise<readonly Counted<'tier' | 'state'>[] | undefined>
  /** Streams and sockets. */
  readonly readers: () => number | undefined
  /** Requests to the API, by how they were answered. */
  readonly answers: () => Readonly<Record<string, number>>
}

type Counted<K extends string> = Readonly<Record<K, string>> & { readonly count: number }

/** States of a keeper, each a series of its own. */
const KEEPER_STATES = ['keeping', 'behind', 'restoring', 'lost', 'stopped'] as const

/** Names them; read when asked for. */
export function registerObservatoryMetrics(registry: Registry, figures: ObservatoryFigures): void {
  const meter = new Meter(registry)
  registerCollector(meter, () => figures.watch()?.collector)
  registerIntake(meter, () => figures.watch()?.intake)
  registerDelivery(meter, () => figures.watch()?.delivery, figures.journalLimitBytes)
  registerKeeper(meter, figures.watch)
  registerTables(meter, figures)
  registerReaders(meter, figures)
}

function registerCollector(meter: Meter, collector: () => WatchFigures['collector'] | undefined): void {
  meter.gauges(
    'stoa_observatory_relays',
    'Relays of the share of this process, by how it stands with them.',
    ['state'],
    () => {
      const stats = collector()
      if (stats === undefined) return []
      const { connected, connecting, waiting, refused } = stats
      return byName({ connected, connecting, waiting, refused })
    },
  )
  meter.gauge(
    'stoa_observatory_known_relays',
    'Relays that this process knows of, of all shares.',
    () => collector()?.known,
  )
  meter.gauge(
    'stoa_observatory_share_relays',
    'Those of them that are its to read.',
    () => collector()?.share,
  )
  meter.gauge(
    'stoa_observatory_candidate_relays',
    'Those of its share that have not proved themselves yet.',
    () => collector()?.candidates,
  )
  meter.counter(
    'stoa_observatory_messages_total',
    'EVENT messages of other relays.',
    () => collector()?.messages,
  )
  meter.counter('stoa_observatory_received_bytes_total', 'Bytes of them.', () => collector()?.bytes)
  meter.gauge(
    'stoa_observatory_uncertain_seconds',
    'Seconds of the past of which relays may have more than they send at once.',
    () => collector()?.uncertainSeconds,
  )
  meter.counter(
    'stoa_observatory_own_outages_total',
    'How often our own network was away, as far as relays tell.',
    () => collector()?.ownOutages,
  )
  meter.gauge(
    'stoa_observatory_own_outage',
    '1 while it is away: nothing is then counted against relays.',
    () => {
      const stats = collector()
      return stats === undefined ? undefined : Number(stats.ownOutageSince !== undefined)
    },
  )
  meter.counters('stoa_observatory_offences_total', 'What relays did wrong.', ['offence'], () =>
    byName(collector()?.offences ?? {}),
  )
}

function registerIntake(meter: Meter, intake: () => WatchFigures['intake'] | undefined): void {
  meter.counter(
    'stoa_observatory_observations_total',
    'Observations that were made: a relay has shown an event that holds.',
    () => intake()?.observations,
  )
  meter.counter(
    'stoa_observatory_known_observations_total',
    'Those of them whose event was remembered, and neither parsed nor verified again.',
    () => intake()?.known,
  )
  meter.counter(
    'stoa_observatory_verified_total',
    'Signatures of events that were checked.',
    () => intake()?.verified,
  )
  meter.counter(
    'stoa_observatory_spared_total',
    'Signatures that another collector had checked.',
    () => intake()?.spared,
  )
  meter.counter(
    'stoa_observatory_refused_messages_total',
    'EVENT messages that came to nothing; each is an offence of its relay.',
    () => intake()?.refused,
  )
  meter.gauge('stoa_observatory_seen_events', 'Events that are remembered.', () => intake()?.seenEvents)
}

function registerDelivery(
  meter: Meter,
  delivery: () => WatchFigures['delivery'] | undefined,
  journalLimitBytes: () => number,
): void {
  meter.counter(
    'stoa_observatory_deliveries_total',
    'Deliveries that the database has taken.',
    () => delivery()?.deliveries,
  )
  meter.counter(
    'stoa_observatory_delivered_observations_total',
    'Observations in them.',
    () => delivery()?.rows,
  )
  meter.counter(
    'stoa_observatory_journalled_deliveries_total',
    'Deliveries that went through the journal on disk.',
    () => delivery()?.journalled,
  )
  meter.counter(
    'stoa_observatory_delivery_failures_total',
    'Tries to deliver that failed.',
    () => delivery()?.failures,
  )
  meter.gauge(
    'stoa_observatory_delivery_failures_in_a_row',
    'Tries that failed since the last that did not.',
    () => delivery()?.failuresInARow,
  )
  meter.gauge(
    'stoa_observatory_last_delivery_seconds',
    'Unix time of the last delivery; 0 before that.',
    () => {
      const stats = delivery()
      return stats === undefined ? undefined : (stats.lastDeliveredSeconds ?? 0)
    },
  )
  meter.gauge(
    'stoa_observatory_waiting_observations',
    'Observations that are not delivered yet.',
    () => delivery()?.waitingRows,
  )
  meter.gauge(
    'stoa_observatory_journal_bytes',
    'Bytes of the journal on disk.',
    () => delivery()?.journalBytes,
  )
  meter.gauge('stoa_observatory_journal_limit_bytes', 'Bytes that it may have.', () =>
    delivery() === undefined ? undefined : journalLimitBytes(),
  )
  meter.gauge(
    'stoa_observatory_journal_full',
    '1 while the journal takes no more, and relays are read more slowly.',
    () => numberOf(delivery()?.isJournalFull),
  )
}

function registerKeeper(meter: Meter, watch: ObservatoryFigures['watch']): void {
  const keeper = () => watch()?.keeper
  meter.gauge('stoa_observatory_keeper', '1 in the process that keeps the figures, 0 in others.', () =>
    numberOf(watch()?.isKeeper),
  )
  meter.gauges(
    'stoa_observatory_keeper_state',
    '1 for the state that the keeper of this process is in, 0 for the others.',
    ['state'],
    () => {
      const stats = keeper()
      return stats === undefined
        ? []
        : KEEPER_STATES.map((state): Sample => [[state], Number(state === stats.state)])
    },
  )
  meter.gauge('stoa_observatory_keeper_relays', 'Relays in the figures.', () => keeper()?.relays)
  meter.counter(
    'stoa_observatory_keeper_batches_total',
    'Deliveries that were counted.',
    () => keeper()?.batches,
  )
  meter.counter(
    'stoa_observatory_keeper_observations_total',
    'Observations in them.',
    () => keeper()?.observations,
  )
  meter.counter(
    'stoa_observatory_keeper_counted_total',
    'Those of them that were new for their relay.',
    () => keeper()?.counted,
  )
  meter.counter(
    'stoa_observatory_keeper_set_aside_total',
    'Deliveries that could not be counted and wait for somebody to look at them.',
    () => keeper()?.setAside,
  )
  meter.counter(
    'stoa_observatory_keeper_too_old_total',
    'Observations in no figure: dated before the first day that is counted.',
    () => keeper()?.tooOld,
  )
  meter.counter(
    'stoa_observatory_keeper_restores_total',
    'Times that the figures were read back.',
    () => keeper()?.restores,
  )
  meter.counter(
    'stoa_observatory_keeper_checkpoints_total',
    'Times that the figures were written to the database.',
    () => keeper()?.checkpoints,
  )
  meter.counter(
    'stoa_observatory_keeper_failures_total',
    'Tries of the keeper that came to nothing.',
    () => keeper()?.failures,
  )
  meter.gauge('stoa_observatory_keeper_flush_seconds', 'How long its last transaction took.', () =>
    secondsOf(keeper()?.lastFlushMs),
  )
  meter.gauge('stoa_observatory_keeper_checkpoint_seconds', 'How long its last checkpoint took.', () =>
    secondsOf(keeper()?.lastCheckpointMs),
  )
  meter.gauge(
    'stoa_observatory_keeper_checkpoint_bytes',
    'Size of its last checkpoint.',
    () => keeper()?.lastCheckpointBytes,
  )
}

/** What the database knows, whichever process did it. */
function registerTables(meter: Meter, figures: ObservatoryFigures): void {
  const standing = keptFor(METRIC_LOOK_MS, figures.standing)
  const coverage = keptFor(METRIC_LOOK_MS, figures.coverage)
  const alerts = keptFor(METRIC_LOOK_MS, figures.alerts)
  const tiers = keptFor(METRIC_LOOK_MS, figures.tiers)
  meter.gauge(
    'stoa_observatory_last_snapshot_seconds',
    'Unix time at which the figures were written to the database last, by whichever process; 0 before that.',
    async () => {
      const stands = await standing()
      return stands === undefined ? undefined : (stands.snapshotAtSeconds ?? 0)
    },
  )
  meter.gauge(
    'stoa_observatory_waiting_batches',
    'Deliveries in the database that are not counted yet.',
    async () => (await standing())?.waitingBatches,
  )
  meter.gauge(
    'stoa_observatory_state_unreadable',
    '1 while the figures cannot be read back, and an operator has to do something: stoa doctor says what.',
    async () => {
      const stands = await standing()
      return stands === undefined ? undefined : Number(stands.unreadableState !== undefined)
    },
  )
  meter.gauge(
    'stoa_observatory_set_aside_batches',
    'Deliveries in the database that could not be counted.',
    async () => (await standing())?.setAsideBatches,
  )
  meter.gauge(
    'stoa_observatory_collectors',
    'Processes that have delivered in the last two minutes.',
    async () => (await standing())?.collectors.length,
  )
  meter.gauges(
    'stoa_observatory_network_relays',
    'Relays of the whole observatory: proven, those it wants to be connected to, those it is connected to, candidates.',
    ['state'],
    async () => {
      const found = await coverage()
      if (found === undefined) return []
      const { relaysKnown, relaysWatched, relaysConnected, relaysCandidate } = found
      return byName({
        proven: relaysKnown,
        watched: relaysWatched,
        connected: relaysConnected,
        candidate: relaysCandidate,
      })
    },
  )
  meter.gauges('stoa_observatory_alert_rules', 'Alerts that people have set up.', ['state'], async () =>
    ((await alerts())?.rules ?? []).map(({ state, count }): Sample => [[state], count]),
  )
  meter.gauges(
    'stoa_observatory_alert_deliveries',
    'Notices and webhooks that wait, and what became of those of the last days.',
    ['channel', 'state'],
    async () =>
      ((await alerts())?.deliveries ?? []).map(
        ({ channel, state, count }): Sample => [[channel, state], count],
      ),
  )
  meter.gauges(
    'stoa_observatory_api_subscriptions',
    'API keys that are subscribed to a tier.',
    ['tier', 'state'],
    async () => ((await tiers()) ?? []).map(({ tier, state, count }): Sample => [[tier, state], count]),
  )
}

function registerReaders(meter: Meter, { feed, readers, answers }: ObservatoryFigures): void {
  meter.counters(
    'stoa_observatory_feed_events_total',
    'Events of other relays that were offered to this relay, by what became of them.',
    ['result'],
    () => {
      const stats = feed()
      if (stats === undefined) return []
      return byName({ stored: stats.stored, refused: stats.refused, left_out: stats.leftOut })
    },
  )
  meter.gauge('stoa_observatory_feed_waiting', 'Events that wait to be stored here.', () => feed()?.waiting)
  meter.gauge('stoa_observatory_live_readers', 'Open streams and sockets of the live figures.', readers)
  meter.counters(
    'stoa_observatory_api_requests_total',
    'Requests to the API of the observatory, by how they were answered; of streams none.',
    ['result'],
    () => byName(answers()),
  )
}

function byName(numbers: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(numbers).map(([name, value]) => [[name], value])
}

function numberOf(claim: boolean | undefined): Reading {
  return claim === undefined ? undefined : Number(claim)
}

function secondsOf(ms: number | undefined): Reading {
  return ms === undefined ? undefined : ms / 1_000
}
