/** How the observatory of this process stands, for operators: figures, collector, delivery, keeper. */
import type { Config } from './config/index.ts'
import type { ObservatoryFacts } from './console/index.ts'
import type { SourcedSnapshot } from './observatory/index.ts'
import { readStanding } from './observatory/records/index.ts'
import type { ObservatoryRoom } from './stoa-observatory.ts'
import type { Office } from './stoa-office.ts'
import type { WatchStats } from './stoa-watch.ts'

export interface StandingDeps {
  readonly config: () => Pick<Config, 'observatory'>
  readonly office: () => Pick<Office, 'database' | 'audit'> | undefined
  readonly room: Pick<ObservatoryRoom, 'health' | 'stats' | 'source' | 'isKeeper' | 'observationsPerSecond'>
}

export async function observatoryFacts({ config, office, room }: StandingDeps): Promise<ObservatoryFacts> {
  const { observatory } = config()
  const database = office()?.database()
  const [standing, current] = await Promise.all([
    database === undefined ? undefined : readStanding(database.db),
    room.source.snapshot('24h'),
  ])
  const stats = room.stats()
  const { is = '', reason } = room.health()
  return {
    watch: observatory.watch === 'network' ? 'network' : 'own',
    region: observatory.region,
    state: String(is),
    ...(reason !== undefined && { reason: String(reason) }),
    isKeeper: room.isKeeper,
    hasKeeper: standing?.hasKeeper ?? room.isKeeper,
    ...(current !== undefined && { figures: figuresShown(current) }),
    ...(standing?.snapshotAtSeconds !== undefined && { snapshotAtSeconds: standing.snapshotAtSeconds }),
    ...(stats !== undefined && {
      collector: collectorShown(stats, room.observationsPerSecond()),
      delivery: deliveryShown(stats, observatory.journalBytes),
    }),
    waitingBatches: standing?.waitingBatches ?? 0,
    setAsideBatches: standing?.setAsideBatches ?? 0,
    ...(standing?.unreadableState !== undefined && { unreadableState: standing.unreadableState }),
    ...(standing?.checkpointSetAsideAtSeconds !== undefined && {
      checkpointSetAsideAtSeconds: standing.checkpointSetAsideAtSeconds,
    }),
    offences: Object.fromEntries(
      Object.entries(stats?.collector.offences ?? {}).filter(([, count]) => count > 0),
    ),
    collectors: standing?.collectors ?? [],
  }
}

function figuresShown({ snapshot, from }: SourcedSnapshot): NonNullable<ObservatoryFacts['figures']> {
  const { relaysKnown, relaysWatched, relaysConnected, relaysCandidate, lastSeenSeconds } = snapshot.coverage
  return {
    from,
    atSeconds: Math.floor(snapshot.atSeconds),
    relaysProven: relaysKnown,
    relaysWatched,
    relaysConnected,
    relaysCandidate,
    events24h: snapshot.events,
    ...(lastSeenSeconds !== undefined && { observedAtSeconds: Math.floor(lastSeenSeconds) }),
  }
}

function collectorShown({ collector, intake }: WatchStats, perSecond: number | undefined) {
  const { known, share, connected, connecting, waiting, candidates, refused: left } = collector
  return {
    known,
    share,
    connected,
    connecting,
    waiting,
    refused: left,
    candidates,
    ownOutages: collector.ownOutages,
    ...(collector.ownOutageSince !== undefined && {
      ownOutageSinceSeconds: Math.floor(collector.ownOutageSince),
    }),
    ...(perSecond !== undefined && { observationsPerSecond: Math.round(perSecond * 10) / 10 }),
    messages: collector.messages,
    observations: intake.observations,
    verified: intake.verified,
  }
}

function deliveryShown({ delivery }: WatchStats, journalLimitBytes: number) {
  const { deliveries, rows, waitingRows, journalBytes, isJournalFull, failuresInARow } = delivery
  return {
    deliveries,
    observations: rows,
    waiting: waitingRows,
    journalBytes,
    journalLimitBytes,
    isJournalFull,
    failuresInARow,
    ...(delivery.lastError !== undefined && { lastError: delivery.lastError }),
    ...(delivery.lastDeliveredSeconds !== undefined && {
      deliveredAtSeconds: Math.floor(delivery.lastDeliveredSeconds),
    }),
  }
}
