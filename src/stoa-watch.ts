/**
 * The observatory at work, as its thread runs it: the collector with its share of the relays, and, while this process
 * leads in it, the keeper of the figures.
 */
import { join } from 'node:path'
import { systemClock } from './kernel/index.ts'
import { type NostrEvent, RELAY_DISCOVERY_KIND } from './nostr/index.ts'
import {
  busMembers,
  type Collector,
  type CollectorLimits,
  type CollectorMembers,
  type CollectorSettings,
  lonelyMembers,
  openCollector,
} from './observatory/collector/index.ts'
import { type DeliverySink, RANGES, type Range, type Snapshot } from './observatory/index.ts'
import {
  createIntake,
  createSharedSeen,
  type IntakeLimits,
  openSignerLookups,
} from './observatory/intake/index.ts'
import { openJournal, startDelivery } from './observatory/journal/index.ts'
import {
  encodeSnapshot,
  type Keeper,
  openKeeper,
  tableDirectory,
  tableSink,
} from './observatory/records/index.ts'
import { StatisticsEngine } from './observatory/statistics/index.ts'
import { type Bus, openBus } from './platform/bus/index.ts'
import { type Database, openDatabase } from './platform/database/index.ts'
import { createSignatureVerifier, type Logger, type VerifierChoice } from './platform/index.ts'
import { startLeadership } from './platform/leadership/index.ts'
import { Endings } from './stoa-endings.ts'
import { FIGURES_CHANNEL, figuresKey, RELAYS_CHANNEL } from './stoa-observatory-channels.ts'
import { paced } from './stoa-paced.ts'

/** Everything that the thread is started with; plain data. */
export interface WatchOptions {
  readonly databaseUrl: string
  readonly statementTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly redisUrl: string
  readonly redisPrefix: string
  readonly processId: string
  readonly dataDir: string
  readonly verifier: VerifierChoice
  readonly seeds: readonly string[]
  readonly own: string | undefined
  readonly collector: CollectorSettings
  readonly maxRelays: number
  readonly maxUsers: number
  readonly maxRelayUsers: number
  readonly journalBytes: number
  readonly checkZapSigners: boolean
  /** Hand all verified events on, since they are stored; otherwise only what other monitors publish. */
  readonly forwardsAll: boolean
  readonly snapshotSeconds: number
  readonly keepSnapshotsDays: number
  readonly keepLogsDays: number
}

/** What the thread tells the others. */
export interface WatchListener {
  /** The figures have changed. */
  onChange(version: string): void
  /** Events that were verified and not seen before, as they came. */
  onEvents(events: readonly NostrEvent[]): void
}

/** What nobody needs to change but tests, which have less patience. */
export interface WatchLimits {
  readonly collector?: Partial<CollectorLimits>
  readonly intake?: IntakeLimits
}

export interface Watch {
  /** Undefined while another process keeps the figures. */
  snapshot(range: Range): { readonly snapshot: Snapshot; readonly version: string } | undefined
  /** For `/health`, `/metrics` and the console. */
  stats(): WatchStats
  /** Of this process's share. */
  relays(): ReturnType<Collector['relays']>
  /** An operator has added or refused a relay: the directory is read at once. */
  lookAtRelays(): void
  stop(): Promise<void>
}

export interface WatchStats {
  readonly isKeeper: boolean
  readonly collector: ReturnType<Collector['stats']>
  readonly intake: ReturnType<ReturnType<typeof createIntake>['stats']>
  readonly delivery: ReturnType<ReturnType<typeof startDelivery>['stats']>
  readonly keeper: ReturnType<Keeper['stats']> | undefined
}

/** Connections to the database: deliveries, the keeper, and one to spare. */
const POOL_SIZE = 4
/** One transaction of the keeper counts so many deliveries at most. */
const MAX_BATCHES_AT_ONCE = 16
const JOURNAL_FOLDER = 'observatory'
/** Other processes read the figures there; the names are those of document 001. */
const SHARED_FIGURES_TTL_MS = 3_600_000
/** How often the figures are put there, at most. */
const SHARE_INTERVAL_MS = 500
/** How often it is looked whether they have changed with the time alone. */
const LOOK_INTERVAL_MS = 1_000
/** Said when there is a delivery: the keeper, whichever process it is in, need not wait until it looks by itself. */
const DELIVERED_CHANNEL = 'observatory.delivered'
const NOTHING = Buffer.alloc(0)

export async function openWatch(
  options: WatchOptions,
  logger: Logger,
  listener: WatchListener,
  limits: WatchLimits = {},
): Promise<Watch> {
  const endings = new Endings()
  try {
    return await open({ options, logger, listener, limits, endings })
  } catch (error) {
    await endings.run().catch((err: unknown) => logger.error({ err }, 'observatory.stop_failed'))
    throw error
  }
}

interface Opening {
  readonly options: WatchOptions
  readonly logger: Logger
  readonly listener: WatchListener
  readonly limits: WatchLimits
  readonly endings: Endings
}

async function open({ options, logger, listener, limits, endings }: Opening): Promise<Watch> {
  const { processId, collector: settings, redisUrl } = options
  const database = await openDatabase({
    url: options.databaseUrl,
    dataDir: options.dataDir,
    poolSize: POOL_SIZE,
    statementTimeoutMs: options.statementTimeoutMs,
    connectTimeoutMs: options.connectTimeoutMs,
    logger,
  })
  endings.add(() => database.close())
  const { db } = database
  const bus = await openBus({ url: redisUrl, prefix: options.redisPrefix, name: `stoa-${processId}-watch` })
  endings.add(() => bus.close())
  const journal = await openJournal({
    folder: join(options.dataDir, JOURNAL_FOLDER),
    maxBytes: options.journalBytes,
    logger,
  })
  endings.add(() => journal.close())
  const signers = options.checkZapSigners ? openSignerLookups({ logger, clock: systemClock }) : undefined
  endings.add(() => signers?.stop())
  const intake = createIntake({
    verifier: await createSignatureVerifier(options.verifier),
    clock: systemClock,
    ...(limits.intake !== undefined && { limits: limits.intake }),
    ...(signers !== undefined && { zapSigners: signers }),
    ...(redisUrl !== '' && { shared: createSharedSeen(bus) }),
  })
  const members = await membersOf(options, bus, endings)
  const collector = await openCollector({
    directory: tableDirectory(db, { maxRelays: options.maxRelays }),
    intake,
    seeds: options.seeds,
    ...(options.own !== undefined && { own: options.own }),
    settings,
    members,
    clock: systemClock,
    logger,
    ...(limits.collector !== undefined && { limits: limits.collector }),
  })
  const delivery = startDelivery({
    intake,
    takeReports: () => collector.takeReports(),
    sink: tellingSink(tableSink(db), bus),
    journal,
    collector: processId,
    region: settings.region,
    clock: systemClock,
    logger,
  })
  endings.add(() => delivery.stop())
  // Before the last delivery: what it says when it stops goes with it.
  endings.add(() => collector.stop())
  const listening = bus.subscribe(RELAYS_CHANNEL, () => collector.look())
  endings.add(() => listening.stop())
  forward(options, intake, listener, endings)
  const keeping = seekToKeep(options, { db, bus, logger, listener, databaseUrl: database.url })
  endings.add(() => keeping.stop())
  return {
    snapshot: (range) => {
      const keeper = keeping.current()
      return keeper === undefined
        ? undefined
        : { snapshot: keeper.snapshot(range), version: keeper.version() }
    },
    stats: () => ({
      isKeeper: keeping.current() !== undefined,
      collector: collector.stats(),
      intake: intake.stats(),
      delivery: delivery.stats(),
      keeper: keeping.current()?.stats(),
    }),
    relays: () => collector.relays(),
    lookAtRelays: () => collector.look(),
    stop: () => endings.run(),
  }
}

/** Who shares the relays: the collectors of this region. Each region measures all of them. */
async function membersOf(
  { redisUrl, processId, collector: { region } }: WatchOptions,
  bus: Bus,
  endings: Endings,
): Promise<CollectorMembers> {
  if (redisUrl === '') return lonelyMembers(processId)
  const members = await busMembers(bus, processId, { name: `observatory:collectors:${region}` })
  endings.add(() => members.stop())
  return members
}

/** Events that may wait to be handed on; more are dropped, since those who listen hear of most of it again. */
const MAX_FORWARDED = 5_000
const FORWARD_INTERVAL_MS = 200

/** Hands verified events on, some at a time: all of them, or what other monitors say of relays. */
function forward(
  { forwardsAll }: Pick<WatchOptions, 'forwardsAll'>,
  intake: Pick<ReturnType<typeof createIntake>, 'onEvent'>,
  listener: WatchListener,
  endings: Endings,
): void {
  let waiting: NostrEvent[] = []
  const stopListening = intake.onEvent((event) => {
    if (!forwardsAll && event.kind !== RELAY_DISCOVERY_KIND) return
    if (waiting.length < MAX_FORWARDED) waiting.push(event)
  })
  const timer = setInterval(() => {
    if (waiting.length === 0) return
    listener.onEvents(waiting)
    waiting = []
  }, FORWARD_INTERVAL_MS)
  endings.add(() => {
    clearInterval(timer)
    stopListening()
  })
}

interface KeepingDeps {
  readonly db: Database['db']
  readonly bus: Bus
  readonly databaseUrl: string
  readonly listener: WatchListener
  readonly logger: Logger
}

interface Keeping {
  /** Undefined while another process keeps the figures. */
  current(): Keeper | undefined
  stop(): Promise<void>
}

/** Seeks the lead in keeping the figures; whoever has it is the keeper. */
function seekToKeep(options: WatchOptions, deps: KeepingDeps): Keeping {
  const { db, bus, databaseUrl, listener, logger } = deps
  const limits = {
    maxUsers: options.maxUsers,
    maxRelayUsers: options.maxRelayUsers,
    maxRelays: options.maxRelays,
  }
  let keeper: Keeper | undefined
  let stopSharing = (): void => {}
  const leadership = startLeadership({
    databaseUrl: Promise.resolve(databaseUrl),
    duty: 'observatory',
    logger,
    duties: {
      begin: async (term) => {
        const opened = await openKeeper({
          db,
          engine: {
            create: () => new StatisticsEngine(limits),
            restore: (state, knownDays) => StatisticsEngine.restore(state, knownDays, limits),
          },
          term: { duty: 'observatory', term },
          clock: systemClock,
          logger,
          settings: { ...options, maxBatchesAtOnce: MAX_BATCHES_AT_ONCE },
        })
        keeper = opened
        const stopTelling = opened.onChange(() => listener.onChange(opened.version()))
        const delivered = bus.subscribe(DELIVERED_CHANNEL, () => opened.look())
        const stop = shareFigures(opened, bus)
        stopSharing = () => {
          delivered.stop()
          stopTelling()
          stop()
        }
      },
      end: async () => {
        stopSharing()
        const ending = keeper
        keeper = undefined
        await ending?.stop()
      },
    },
  })
  return { current: () => keeper, stop: () => leadership.stop() }
}

function tellingSink(sink: DeliverySink, bus: Bus): DeliverySink {
  return {
    deliver: async (delivery) => {
      await sink.deliver(delivery)
      bus.publish(DELIVERED_CHANNEL, NOTHING)
    },
  }
}

/** Puts the figures where other processes read them, when they have changed, and no oftener than they may be. */
function shareFigures(keeper: Keeper, bus: Bus): () => void {
  if (bus.status().kind === 'memory') return () => {}
  let shared = ''
  const share = paced(() => {
    const version = keeper.version()
    // While they are read back there are none, and nothing that changes.
    if (version === shared || keeper.stats().state !== 'keeping') return
    shared = version
    for (const range of RANGES) {
      const value = JSON.stringify({ version, snapshot: encodeSnapshot(keeper.snapshot(range)) })
      void bus.set(figuresKey(range), value, { ttlMs: SHARED_FIGURES_TTL_MS })
    }
    bus.publish(FIGURES_CHANNEL, Buffer.from(version))
  }, SHARE_INTERVAL_MS)
  const stopSharing = keeper.onChange(share)
  const timer = setInterval(share, LOOK_INTERVAL_MS)
  return () => {
    clearInterval(timer)
    stopSharing()
    share.stop()
  }
}
