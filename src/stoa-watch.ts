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
import type { DeliverySink, Range, Snapshot } from './observatory/index.ts'
import {
  createIntake,
  createSharedSeen,
  type IntakeLimits,
  openSignerLookups,
} from './observatory/intake/index.ts'
import { openJournal, startDelivery } from './observatory/journal/index.ts'
import { type Keeper, tableDirectory, tableSink } from './observatory/records/index.ts'
import { type Bus, openBus } from './platform/bus/index.ts'
import { openDatabase } from './platform/database/index.ts'
import { createSignatureVerifier, type Logger, type VerifierChoice } from './platform/index.ts'
import { Endings } from './stoa-endings.ts'
import { DELIVERED_CHANNEL, RELAYS_CHANNEL } from './stoa-observatory-channels.ts'
import { type KeepingOptions, seekToKeep } from './stoa-watch-keeping.ts'

/** Everything that the thread is started with; plain data. */
export interface WatchOptions extends KeepingOptions {
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
  readonly journalBytes: number
  readonly checkZapSigners: boolean
  /** Hand all verified events on, since they are stored; otherwise only what other monitors publish. */
  readonly forwardsAll: boolean
  /** Kinds that are asked for to learn of relays, and are in no figure. */
  readonly uncountedKinds: readonly number[]
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
const JOURNAL_FOLDER = 'observatory'
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
    uncounted: new Set(options.uncountedKinds),
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
  const keeping = seekToKeep(options, {
    db,
    bus,
    databaseUrl: database.url,
    onChange: (version) => listener.onChange(version),
    logger,
  })
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

function tellingSink(sink: DeliverySink, bus: Bus): DeliverySink {
  return {
    deliver: async (delivery) => {
      await sink.deliver(delivery)
      bus.publish(DELIVERED_CHANNEL, Buffer.alloc(0))
    },
  }
}
