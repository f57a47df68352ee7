/** The relay of this process, in its main thread or in several: the composition root's part that chooses between them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config/index.ts'
import type { EventStore } from './events/index.ts'
import type { StoreNotice } from './events/log/index.ts'
import type { PostgresNotice } from './events/postgres/index.ts'
import { AppError } from './kernel/index.ts'
import { createSignatureVerifier, type HttpServer, type Logger } from './platform/index.ts'
import {
  type AccessListsData,
  type ConnectionFacts,
  createLocalBus,
  joinBuses,
  type LiveBus,
  type LiveEvent,
  openWaitingRoom,
  type PolicyNotice,
  type RelayHost,
  type RelayOrder,
  type RelaySettings,
  type RelayStats,
  requireFreePort,
  startRelay,
} from './relay/index.ts'
import { announcedTo, logStoreOptions, openStore } from './stoa-store.ts'
import { startThreadedRelay } from './stoa-threads.ts'
import type { ThreadLoad } from './thread-messages.ts'

/** More threads have to be asked for: the one store thread could not feed them. */
const MAX_AUTO_THREADS = 8

/** Only Linux lets threads, or a program and its successor, share a port and spreads connections between them. */
const CAN_SHARE_PORT = process.platform === 'linux'

/** A relay, in this thread or in several, with the store that it serves. */
export interface RelayUnit {
  readonly port: number
  readonly threads: number
  readonly store: EventStore
  readonly verifier: string
  /** The main thread's place among those that new events go to: it hears what this process stores. */
  readonly bus: LiveBus
  /** Brings an event that the rest of the program has stored to all subscribers. */
  publish(live: LiveEvent): void
  stats(): RelayStats
  /** Of every thread but the main one. */
  loads(): readonly ThreadLoad[]
  /** Resolves to how many connections were closed by it. */
  obey(order: RelayOrder): Promise<number>
  connections(): Promise<readonly ConnectionFacts[]>
  /** Stops the relay, then closes the store. */
  stop(): Promise<void>
}

export interface RelayUnitDeps {
  readonly config: Config
  readonly logger: Logger
  /** The application, for what is not the relay's. */
  readonly http: Pick<HttpServer, 'handle' | 'handleUpgrade' | 'listenUnix'>
  readonly host: RelayHost
  readonly access: AccessListsData
  readonly version: string
  readonly self: string
  readonly offeredNips: readonly number[]
  readonly processId: string
  /** Has the program before make way, and resolves when it is gone. With it, its clients wait at the port. */
  readonly vacate?: (() => Promise<void>) | undefined
  /** Tells the other processes of new events, where there are any. */
  readonly processBus?: LiveBus
}

/** Starts the relay that the configuration asks for. Throws `STORE_LOCKED`, `RELAY_LISTEN_FAILED` and their like. */
export function startRelayUnit(deps: RelayUnitDeps): Promise<RelayUnit> {
  const { relay, store } = deps.config
  const threads = store.engine === 'log' ? threadCount(relay.threads) : 1
  return threads === 1 ? startInline(deps) : startThreads(deps, threads)
}

async function startInline({ config, logger, http, processId, processBus, vacate, ...deps }: RelayUnitDeps) {
  const notify = notifyBy(logger)
  const waitingRoom = vacate === undefined ? undefined : await openWaitingRoom(config.relay)
  await vacate?.()
  if (CAN_SHARE_PORT && waitingRoom === undefined) await requireFreePort(config.relay)
  const store = await openStore(config, notify)
  const { relayBus, mainBus } = createLocalBus()
  const others = processBus === undefined ? [] : [announcedTo(store, processBus)]
  try {
    const verifier = await createSignatureVerifier(config.relay.verifier)
    const relay = await startRelay({
      ...deps,
      settings: relaySettingsOf(config),
      store,
      verifier,
      bus: joinBuses(relayBus, ...others),
      fallback: http.handle,
      upgradeFallback: http.handleUpgrade,
      connectionPrefix: `${processId}.0.`,
      reusePort: CAN_SHARE_PORT,
      waitingRoom,
      notify,
    })
    return {
      port: relay.port,
      threads: 1,
      store,
      verifier: verifier.name,
      bus: mainBus,
      publish: (live: LiveEvent) => joinBuses(mainBus, ...others).publish(live),
      stats: () => relay.stats(),
      loads: () => [],
      obey: async (order: RelayOrder) => relay.obey(order),
      connections: async () => relay.connections(),
      stop: async () => {
        await relay.stop()
        await store.close()
      },
    }
  } catch (error) {
    waitingRoom?.close()
    await store.close()
    throw error
  }
}

async function startThreads(
  { config, logger, http, ...deps }: RelayUnitDeps,
  threads: number,
): Promise<RelayUnit> {
  // In the system's folder for such things: a path in a deep data folder could be longer than a socket's may be.
  const folder = mkdtempSync(join(tmpdir(), 'stoa-'))
  const applicationSocket = join(folder, 'application.sock')
  const cleanUp = () => rmSync(folder, { recursive: true, force: true })
  try {
    // Its code is read while the threads read theirs.
    const listening = http.listenUnix(applicationSocket)
    listening.catch(() => {})
    const relay = await startThreadedRelay({
      ...deps,
      settings: relaySettingsOf(config),
      store: logStoreOptions(config),
      ioThreads: threads - 1,
      applicationSocket,
      notify: notifyBy(logger),
      onCrash: (thread, err) => {
        logger.fatal({ thread, err }, 'stoa.thread_crashed')
        throw new AppError('INTERNAL', `The ${thread} thread ended: ${err.message}`, { cause: err })
      },
    })
    await listening
    const stop = async () => {
      await relay.stop()
      cleanUp()
    }
    return { ...relay, threads, stop, publish: (live) => relay.bus.publish(live) }
  } catch (error) {
    cleanUp()
    throw error
  }
}

/** What the relay is told of the configuration: its own section, and what retention would not keep. */
export function relaySettingsOf({ relay, retention }: Pick<Config, 'relay' | 'retention'>): RelaySettings {
  return { ...relay, retention }
}

/**
 * Up to two processors are served best by one thread, which hands nothing over; more are shared by one thread for the
 * store and the others for sockets (docs/performance.md).
 */
function threadCount(configured: 'auto' | number): number {
  if (configured !== 'auto') return CAN_SHARE_PORT ? configured : Math.min(configured, 2)
  const processors = availableParallelism()
  return CAN_SHARE_PORT && processors > 2 ? Math.min(processors, MAX_AUTO_THREADS) : 1
}

/** Parts say what happened as notices; here they become lines of the log. */
export function notifyBy(
  logger: Logger | undefined,
): (notice: StoreNotice | PostgresNotice | PolicyNotice) => void {
  return ({ event, level, facts }) => logger?.[level](facts, event)
}
