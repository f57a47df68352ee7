/**
 * The composition root: the only place that knows every part, chooses the adapters, and says in which order things
 * start and stop.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import type { BatchVerifier, RunningStoa, StoreReport } from './cli/index.ts'
import type { Config, FlagOverride, LoadedConfig } from './config/index.ts'
import type { EventStore } from './events/index.ts'
import { folderOwner, verifyLogStore } from './events/log/index.ts'
import { AppError } from './kernel/index.ts'
import type { AccessSnapshot } from './moderation/index.ts'
import {
  createLogger,
  createMetricsRegistry,
  createSignatureVerifier,
  type Logger,
} from './platform/index.ts'
import { loadAccessLists } from './relay/index.ts'
import { BackRooms } from './stoa-back.ts'
import { Endings } from './stoa-endings.ts'
import { openConfiguredKeyring } from './stoa-keys.ts'
import { registerMetrics } from './stoa-metrics.ts'
import { notifyBy, type RelayUnit, relaySettingsOf, startRelayUnit } from './stoa-relay.ts'
import { LiveSettings } from './stoa-settings.ts'
import { openShared } from './stoa-shared.ts'
import { logStoreOptions, openStore } from './stoa-store.ts'

/** Inside the data folder. */
const ACCESS_FILE = 'access.json'
const SETTINGS_FILE = 'settings.json'

/** Longer than a stop may take. */
const MAKE_WAY_TIMEOUT_MS = 40_000
const MAKE_WAY_LOOK_MS = 10

/** Served beside the relay: membership (43), reports (56), … */
const OFFERED = [43, 56]
/** … and by the API names (05), management (86), HTTP authentication (98). */
const OFFERED_BY_API = [5, ...OFFERED, 86, 98]

/**
 * Opens the event store of the configured data folder, for a command that works on it alone. Throws `RESTORE_REFUSED`
 * when a restore was broken off half-way, but for the restore that goes on with it.
 */
export async function openEventStore(
  config: Config,
  { isRestoring = false }: { readonly isRestoring?: boolean } = {},
): Promise<EventStore> {
  if (!isRestoring) await requireWholeFolder(resolve(config.data.dir))
  return openStore(config, notifyBy(undefined))
}

/** The relay's rules, for a command that brings events from elsewhere. */
async function createPolicies(config: Config, store: EventStore) {
  const access = await loadAccessLists(join(resolve(config.data.dir), ACCESS_FILE))
  const { createMainPolicies } = await import('./stoa-services.ts')
  return createMainPolicies(config, access, store, undefined).write
}

/** The tables of the database, for a command that works on them alone. */
export async function openTables(config: Config) {
  const [{ openDatabase }, { databaseOptions }, { databaseTables }] = await Promise.all([
    import('./platform/database/index.ts'),
    import('./stoa-office.ts'),
    import('./backup/index.ts'),
  ])
  const logger = createLogger({ level: 'warn', format: 'auto' })
  const dataDir = resolve(config.data.dir)
  const database = await openDatabase({ ...databaseOptions(config), dataDir, logger })
  return { ...databaseTables(database.db), close: () => database.close() }
}

export { createPolicies as createWritePolicies }

/** What `stoa doctor` looks at by the parts themselves. */
export async function loadInspections() {
  const { inspections } = await import('./stoa-doctor.ts')
  return inspections
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

interface StartDeps {
  readonly logger: Logger
  /** Reads the configuration again, with what operators have changed on top. */
  readonly load: (overrides: readonly FlagOverride[]) => LoadedConfig
  /** Take the place of the program that runs on this data folder. */
  readonly takesOver?: boolean
}

/** Starts everything that this process is for. Throws `STORE_LOCKED`, `RELAY_LISTEN_FAILED` and their like. */
export async function startStoa(
  started: Config,
  { logger, load, takesOver = false }: StartDeps,
): Promise<RunningStoa> {
  const startedMs = performance.now()
  const endings = new Endings()
  try {
    await requireWholeFolder(resolve(started.data.dir))
    const path = join(resolve(started.data.dir), SETTINGS_FILE)
    const settings = await LiveSettings.open({ path, load })
    const config = settings.current
    const { unit, shared, metrics, back } = await startParts(settings, { logger, takesOver }, endings)
    settings.applyBy(async (next) => {
      await unit.obey({ do: 'configure', settings: relaySettingsOf({ ...next, relay: relaySettings(next) }) })
      await back.configure(next)
    })
    registerMetrics(metrics, {
      relay: unit.stats,
      threads: unit.loads,
      store: () => unit.store.stats(),
      dataDir: resolve(config.data.dir),
    })
    await shared.follow(unit)
    const address = `${urlHost(config.relay.host)}:${unit.port}`
    const tookMs = Math.round(performance.now() - startedMs)
    logger.info({ address, threads: unit.threads, tookMs }, 'stoa.started')
    return {
      addresses: [`ws://${address}`],
      summary: () => summaryOf(config, unit, address, tookMs),
      reload: async () => {
        await settings.reload()
        return settings.current
      },
      stop: () => {
        back.drain()
        return endings.run()
      },
    }
  } catch (error) {
    // What went wrong first is what the operator must hear of.
    await endings.run().catch((err: unknown) => logger.error({ err }, 'stoa.stop_failed'))
    throw error
  }
}

/** Starts the relay and what it needs at once; each part leaves behind how it is ended. */
async function startParts(
  settings: LiveSettings,
  { logger, takesOver }: Required<Pick<StartDeps, 'logger' | 'takesOver'>>,
  endings: Endings,
) {
  const config = settings.current
  const dataDir = resolve(config.data.dir)
  const accessFile = join(dataDir, ACCESS_FILE)
  const metrics = createMetricsRegistry()
  const processId = randomBytes(4).toString('hex')
  const shared = await openShared(config, processId, logger)
  endings.add(() => shared.stop())
  const snapshot = await readSnapshot(accessFile)
  const keyring = openConfiguredKeyring(config, logger)
  endings.add(() => keyring.close())
  const relaySigner = await keyring.keyFor('relay')
  let unit: RelayUnit | undefined
  const back = new BackRooms({
    settings,
    shared,
    metrics,
    relaySigner,
    keyring,
    verifier: await createSignatureVerifier(config.relay.verifier),
    snapshot,
    accessFile,
    dataDir,
    processId,
    relayHealth: () => healthOf(unit),
    logger,
  })
  endings.add(() => unit?.stop())
  endings.add(() => back.stop())
  unit = await startRelayUnit({
    config: { ...config, relay: relaySettings(config) },
    logger,
    http: back,
    host: back.host,
    access: snapshot.lists,
    version: packageJson.version,
    self: relaySigner.publicKey,
    offeredNips: offeredNips(config, back.hasOffice),
    processId,
    vacate: takesOver ? makingWay(config, logger) : undefined,
    ...(shared.processBus !== undefined && { processBus: shared.processBus }),
  })
  back.openTo(unit)
  return { unit, shared, metrics, back }
}

/** A restore that was cut short has left a folder that is not whole. The backup part knows its mark. */
async function requireWholeFolder(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return
  const { requireRestored } = await import('./backup/index.ts')
  await requireRestored(dataDir)
}

/** What operators had decided; of a file that is damaged, moderation makes the best. */
async function readSnapshot(accessFile: string): Promise<AccessSnapshot> {
  try {
    return { lists: await loadAccessLists(accessFile), isDamaged: false }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ACCESS_FILE_DAMAGED') throw error
    const { loadSnapshot } = await import('./moderation/index.ts')
    return loadSnapshot(accessFile)
  }
}

function offeredNips({ process: { roles } }: Config, hasOffice: boolean): readonly number[] {
  if (!hasOffice) return []
  return roles.includes('api') ? OFFERED_BY_API : OFFERED
}

/** How the program that runs on this data folder is asked to make way; undefined when none does. */
function makingWay(config: Config, logger: Logger): (() => Promise<void>) | undefined {
  const { folder } = logStoreOptions(config)
  const pid = config.store.engine === 'log' ? folderOwner(folder) : undefined
  if (pid === undefined) return undefined
  return async () => {
    logger.info({ pid }, 'stoa.taking_over')
    process.kill(pid, 'SIGTERM')
    const deadlineMs = performance.now() + MAKE_WAY_TIMEOUT_MS
    while (folderOwner(folder) === pid || isRunning(pid)) {
      if (performance.now() > deadlineMs) {
        const text = `Process ${pid} does not end; it has ${folder} open.`
        throw new AppError('STORE_LOCKED', text, { facts: { pid, folder } })
      }
      await delay(MAKE_WAY_LOOK_MS)
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A process that is not for Nostr clients has the port for HTTP, and lets no client in. */
function relaySettings({ process, relay }: Config): Config['relay'] {
  return process.roles.includes('relay') ? relay : { ...relay, maintenance: true }
}

function summaryOf(config: Config, unit: RelayUnit, address: string, tookMs: number): readonly string[] {
  const { threads, store, verifier } = unit
  const place = config.store.engine === 'log' ? resolve(config.data.dir) : 'PostgreSQL'
  return [
    `Stoa ${packageJson.version} is running (started in ${tookMs} ms).`,
    `  relay        ws://${address}`,
    `  web          http://${address}   /health /healthz /metrics`,
    `  data         ${place} (${store.stats().events} events)`,
    `  signatures   ${verifier}`,
    `  threads      ${threads === 1 ? 'one for everything' : `${threads - 1} for sockets, 1 for the store`}`,
    `  observatory  ${observatorySummary(config)}`,
  ]
}

/** In a few words, and how it is made to be something else. */
function observatorySummary({
  observatory: { watch, maxConnections },
  process: { roles },
  store,
}: Config): string {
  if (store.engine !== 'postgres' && roles.length === 1) return 'none: a relay alone (process.roles)'
  if (watch === 'off') return 'off (observatory.watch)'
  if (!roles.includes('collector'))
    return roles.includes('api') ? 'shown here, collected elsewhere' : 'not here'
  return watch === 'network'
    ? `the network, by up to ${maxConnections} connections`
    : 'this relay only; observatory.watch = "network" watches the others'
}

function healthOf(unit: RelayUnit | undefined) {
  if (unit === undefined) return { relay: { status: 'failed' as const } }
  const { connections, subscriptions } = unit.stats()
  return {
    relay: { status: 'ok' as const, connections, subscriptions },
    store: { status: 'ok' as const, events: unit.store.stats().events },
  }
}

/** An IPv6 address stands in brackets in a URL; the addresses that mean "all" are not ones to connect to. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
