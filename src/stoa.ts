/**
 * The composition root: the only place that knows every part, chooses the adapters, and says in which order things
 * start and stop.
 */
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import type { BatchVerifier, RunningStoa, StoreReport } from './cli/index.ts'
import type { Config } from './config/index.ts'
import type { EventStore } from './events/index.ts'
import { verifyLogStore } from './events/log/index.ts'
import { systemClock } from './kernel/index.ts'
import {
  createHttpServer,
  createMetricsRegistry,
  createSignatureVerifier,
  type Logger,
} from './platform/index.ts'
import { createLonelyHost, loadAccessLists } from './relay/index.ts'
import { registerMetrics } from './stoa-metrics.ts'
import { notifyBy, type RelayUnit, startRelayUnit } from './stoa-relay.ts'
import { logStoreOptions, openStore } from './stoa-store.ts'

/** Inside the data folder. */
const ACCESS_FILE = 'access.json'

/** Opens the event store of the configured data folder, for a command that works on it alone. */
export async function openEventStore(config: Config, logger?: Logger): Promise<EventStore> {
  return openStore(config, notifyBy(logger))
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
  return verifyLogStore(logStoreOptions(config).folder)
}

/** Starts everything that this process is for. Throws `STORE_LOCKED`, `RELAY_LISTEN_FAILED` and their like. */
export async function startStoa(
  config: Config,
  { logger }: { readonly logger: Logger },
): Promise<RunningStoa> {
  const startedMs = performance.now()
  const metrics = createMetricsRegistry()
  let unit: RelayUnit | undefined
  const http = await createHttpServer({
    logger,
    health: () => healthOf(unit),
    metrics,
    site: config.relay,
  })
  try {
    unit = await startRelayUnit({
      config,
      logger,
      http,
      host: createLonelyHost(() => systemClock.nowSeconds()),
      access: await loadAccessLists(join(resolve(config.data.dir), ACCESS_FILE)),
      version: packageJson.version,
      self: '',
      offeredNips: [],
      processId: randomBytes(4).toString('hex'),
    })
  } catch (error) {
    await http.close()
    throw error
  }
  const { port, threads, store, verifier, stats, obey, stop } = unit
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
    reload: async ({ relay }) => void (await obey({ do: 'configure', settings: relay })),
    stop: async () => {
      clearInterval(sweep)
      await stop()
      await http.close()
    },
  }
}

function healthOf(unit: RelayUnit | undefined) {
  if (unit === undefined) return { relay: { status: 'failed' as const } }
  const { connections, subscriptions } = unit.stats()
  return {
    relay: { status: 'ok' as const, connections, subscriptions },
    store: { status: 'ok' as const, events: unit.store.stats().events },
  }
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
