/**
 * The composition root: the only place that knows every part, chooses the adapters, and says in which order things
 * start and stop.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import type { BatchVerifier, RunningStoa, StoreReport } from './cli/index.ts'
import type { Config } from './config/index.ts'
import type { EventStore } from './events/index.ts'
import { type LogStoreOptions, openLogStore, type StoreNotice, verifyLogStore } from './events/log/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import {
  createHttpServer,
  createMetricsRegistry,
  createSignatureVerifier,
  type HttpServer,
  type Logger,
} from './platform/index.ts'
import { lonelyBus, type RelayStats, startRelay } from './relay/index.ts'
import { registerMetrics } from './stoa-metrics.ts'
import { startThreadedRelay } from './stoa-threads.ts'

/** The folder of the event store inside the data folder. */
const EVENTS_FOLDER = 'events'

/** More threads have to be asked for: the one store thread could not feed them. */
const MAX_AUTO_THREADS = 8

/** Opens the event store of the configured data folder, for a command that works on it alone. */
export async function openEventStore(config: Config, logger?: Logger): Promise<EventStore> {
  return openLogStore({ ...storeOptions(config), notify: notifyBy(logger) })
}

/** The signature checks of a command that reads events from elsewhere. */
export async function createEventVerifier(config: Config): Promise<BatchVerifier> {
  const verifier = await createSignatureVerifier(config.relay.verifier)
  return {
    name: verifier.name,
    isNative: verifier.isNative,
    verifyBatch: (events) => events.map(({ id, pubkey, sig }) => verifier.verify(id, pubkey, sig)),
  }
}

/** Reads the whole event store and checks every checksum; changes nothing. */
export async function verifyEventStore(config: Config): Promise<StoreReport> {
  return verifyLogStore(storeOptions(config).folder)
}

/** A relay, in this thread or in several, with the store that it serves. */
interface RelayUnit {
  readonly port: number
  readonly store: EventStore
  readonly verifier: string
  stats(): RelayStats
  /** Stops the relay, then closes the store. */
  stop(): Promise<void>
}

/** Starts everything that this process is for. Throws `STORE_LOCKED`, `RELAY_LISTEN_FAILED` and their like. */
export async function startStoa(
  config: Config,
  { logger }: { readonly logger: Logger },
): Promise<RunningStoa> {
  const startedMs = performance.now()
  const threads = threadCount(config.relay.threads)
  const metrics = createMetricsRegistry()
  let unit: RelayUnit | undefined
  const http = await createHttpServer({
    logger,
    health: () => healthOf(unit),
    metrics,
    site: config.relay,
  })
  try {
    unit =
      threads === 1
        ? await startInline(config, logger, http)
        : await startThreads(config, logger, http, threads)
  } catch (error) {
    await http.close()
    throw error
  }
  const { port, store, verifier, stats, stop } = unit
  registerMetrics(metrics, { relay: stats, store: () => store.stats() })
  const sweep = setInterval(() => void sweepExpired(store, logger), config.store.sweepIntervalSeconds * 1_000)
  sweep.unref()
  const address = `${urlHost(config.relay.host)}:${port}`
  const tookMs = Math.round(performance.now() - startedMs)
  logger.info({ address, threads, tookMs }, 'stoa.started')
  return {
    addresses: [`ws://${address}`],
    summary: () => [
      `Stoa ${packageJson.version} is running (started in ${tookMs} ms).`,
      `  relay       ws://${address}`,
      `  web         http://${address}   /health /healthz /metrics`,
      `  data        ${resolve(config.data.dir)} (${store.stats().events} events)`,
      `  signatures  ${verifier}`,
      `  threads     ${threads === 1 ? 'one for everything' : `${threads - 1} for sockets, 1 for the store`}`,
    ],
    stop: async () => {
      clearInterval(sweep)
      await stop()
      await http.close()
    },
  }
}

async function startInline(config: Config, logger: Logger, http: HttpServer): Promise<RelayUnit> {
  const store = await openLogStore({ ...storeOptions(config), notify: notifyBy(logger) })
  try {
    const verifier = await createSignatureVerifier(config.relay.verifier)
    const relay = await startRelay({
      settings: config.relay,
      store,
      verifier,
      bus: lonelyBus,
      fallback: http.handle,
      version: packageJson.version,
      reusePort: false,
    })
    return {
      port: relay.port,
      store,
      verifier: verifier.name,
      stats: () => relay.stats(),
      stop: async () => {
        await relay.stop()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function startThreads(
  config: Config,
  logger: Logger,
  http: HttpServer,
  threads: number,
): Promise<RelayUnit> {
  // In the system's folder for such things: a path in a deep data folder could be longer than a socket's may be.
  const folder = mkdtempSync(join(tmpdir(), 'stoa-'))
  const applicationSocket = join(folder, 'application.sock')
  await http.listenUnix(applicationSocket)
  const cleanUp = () => rmSync(folder, { recursive: true, force: true })
  try {
    const relay = await startThreadedRelay({
      settings: config.relay,
      version: packageJson.version,
      ioThreads: threads - 1,
      store: storeOptions(config),
      applicationSocket,
      notify: notifyBy(logger),
      onCrash: (thread, err) => {
        logger.fatal({ thread, err }, 'stoa.thread_crashed')
        throw new AppError('INTERNAL', `The ${thread} thread ended: ${err.message}`, { cause: err })
      },
    })
    const stop = async () => {
      await relay.stop()
      cleanUp()
    }
    return {
      port: relay.port,
      store: relay.store,
      verifier: relay.verifier,
      stats: () => relay.stats(),
      stop,
    }
  } catch (error) {
    cleanUp()
    throw error
  }
}

/**
 * Up to two processors are served best by one thread, which hands nothing over; more are shared by one thread for the
 * store and the others for sockets (docs/performance.md). Only Linux lets threads share a port.
 */
function threadCount(configured: 'auto' | number): number {
  const isLinux = process.platform === 'linux'
  if (configured !== 'auto') return isLinux ? configured : Math.min(configured, 2)
  const processors = availableParallelism()
  return isLinux && processors > 2 ? Math.min(processors, MAX_AUTO_THREADS) : 1
}

function healthOf(unit: RelayUnit | undefined) {
  if (unit === undefined) return { relay: { status: 'failed' as const } }
  const { connections, subscriptions } = unit.stats()
  return {
    relay: { status: 'ok' as const, connections, subscriptions },
    store: { status: 'ok' as const, events: unit.store.stats().events },
  }
}

function storeOptions(config: Config): Omit<LogStoreOptions, 'notify' | 'nowMs'> {
  const { segmentBytes, cacheBytes, indexBytes } = config.store
  return { folder: join(resolve(config.data.dir), EVENTS_FOLDER), segmentBytes, cacheBytes, indexBytes }
}

function notifyBy(logger: Logger | undefined): (notice: StoreNotice) => void {
  return ({ event, level, facts }) => logger?.[level](facts, event)
}

async function sweepExpired(store: EventStore, logger: Logger): Promise<void> {
  try {
    const swept = await store.sweepExpired(systemClock.nowSeconds())
    if (swept > 0) logger.info({ events: swept }, 'store.expired_swept')
  } catch (error) {
    logger.error({ err: error }, 'store.sweep_failed')
  }
}

/** An IPv6 address stands in brackets in a URL; the addresses that mean "all" are not ones to connect to. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
