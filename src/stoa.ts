/**
 * The composition root: the only place that knows every part, chooses the adapters, and says in which order things
 * start and stop.
 */
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import { databaseTables, registerBackupMetrics, requireRestored } from './backup/index.ts'
import type { BatchVerifier, RunningStoa, StoreReport } from './cli/index.ts'
import type { Config, FlagOverride, LoadedConfig } from './config/index.ts'
import { registerConsole } from './console/index.ts'
import type { EventStore } from './events/index.ts'
import { folderOwner, verifyLogStore } from './events/log/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import { loadSnapshot } from './moderation/index.ts'
import { openDatabase } from './platform/database/index.ts'
import {
  createHttpServer,
  createLogger,
  createMetricsRegistry,
  createSignatureVerifier,
  type Logger,
} from './platform/index.ts'
import { createLonelyHost, loadAccessLists } from './relay/index.ts'
import { registerRetentionMetrics } from './retention/index.ts'
import { openKeyring } from './signer/index.ts'
import { addressReader, openAdmin } from './stoa-console.ts'
import { registerMetrics } from './stoa-metrics.ts'
import { databaseOptions, type Office, openOffice } from './stoa-office.ts'
import { createOperator } from './stoa-operator.ts'
import { notifyBy, type RelayUnit, startRelayUnit } from './stoa-relay.ts'
import { createMainPolicies, type MainPolicies, type Services, startServices } from './stoa-services.ts'
import { LiveSettings } from './stoa-settings.ts'
import { openShared } from './stoa-shared.ts'
import { logStoreOptions, openStore } from './stoa-store.ts'

/** Inside the data folder. */
const ACCESS_FILE = 'access.json'
const SETTINGS_FILE = 'settings.json'
const KEYS_FOLDER = 'keys'

/** Longer than a stop may take. */
const MAKE_WAY_TIMEOUT_MS = 40_000
const MAKE_WAY_LOOK_MS = 10

/** Served beside the relay: membership (43), reports (56), … */
const OFFERED = [43, 56]
/** … and by the API names (05), management (86), HTTP authentication (98). */
const OFFERED_BY_API = [5, ...OFFERED, 86, 98]

/** Opens the event store of the configured data folder, for a command that works on it alone. */
export async function openEventStore(config: Config, logger?: Logger): Promise<EventStore> {
  return openStore(config, notifyBy(logger))
}

/** The relay's rules, for a command that brings events from elsewhere. */
async function createPolicies(config: Config, store: EventStore) {
  const access = await loadAccessLists(join(resolve(config.data.dir), ACCESS_FILE))
  return createMainPolicies(config, access, store, undefined).write
}

/** The tables of the database, for a command that works on them alone. */
export async function openTables(config: Config) {
  const logger = createLogger({ level: 'warn', format: 'auto' })
  const database = await openDatabase({
    ...databaseOptions(config),
    dataDir: resolve(config.data.dir),
    logger,
  })
  return { ...databaseTables(database.db), close: () => database.close() }
}

export { createPolicies as createWritePolicies }

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
    await requireRestored(resolve(started.data.dir))
    const path = join(resolve(started.data.dir), SETTINGS_FILE)
    const settings = await LiveSettings.open({ path, load })
    const config = settings.current
    const { unit, shared, metrics, services } = await startParts(settings, { logger, takesOver }, endings)
    settings.applyBy(async (next) => {
      await unit.obey({ do: 'configure', settings: relaySettings(next) })
      await services?.configure(next)
    })
    registerMetrics(metrics, { relay: unit.stats, store: () => unit.store.stats() })
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
      stop: () => endings.run(),
    }
  } catch (error) {
    // What went wrong first is what the operator must hear of.
    await endings.run().catch((err: unknown) => logger.error({ err }, 'stoa.stop_failed'))
    throw error
  }
}

/** Starts the parts in their order; each leaves behind how it is ended. */
async function startParts(
  settings: LiveSettings,
  { logger, takesOver }: Required<Pick<StartDeps, 'logger' | 'takesOver'>>,
  endings: Endings,
) {
  const config = settings.current
  const { roles } = config.process
  const dataDir = resolve(config.data.dir)
  const metrics = createMetricsRegistry()
  const processId = randomBytes(4).toString('hex')
  const shared = await openShared(config, processId, logger)
  const { claimAuthEvent } = shared
  endings.add(() => shared.stop())
  let unit: RelayUnit | undefined
  let office: Office | undefined
  let services: Services | undefined
  const health = async () => ({ ...healthOf(unit), ...(await office?.health()), shared: shared.health() })
  const operator = createOperator({
    office: () => (unit === undefined ? undefined : office),
    unit: () => {
      if (unit === undefined)
        throw new AppError('INTERNAL', 'An operator was heard before the relay has started.')
      return unit
    },
    shared,
    settings,
    services: () => services,
    health,
  })
  const hasOffice = config.store.engine === 'postgres' || roles.length > 1
  const verifier = await createSignatureVerifier(config.relay.verifier)
  const http = await createHttpServer({
    logger,
    health,
    metrics,
    site: config.relay,
    ...(hasOffice &&
      roles.includes('api') && {
        routes: (app) =>
          registerConsole(app, {
            operator,
            accounts: () => office?.people()?.accounts,
            knownAs: () => ({ publicUrl: settings.current.relay.publicUrl, otherUrls: [] }),
            verifier,
            claimOnce: claimAuthEvent,
            clock: systemClock,
            addressOf: addressReader(config),
            version: packageJson.version,
          }),
      }),
  })
  endings.add(() => http.close())
  const keyring = openKeyring(join(dataDir, KEYS_FOLDER), {
    passphrase: config.signer.passphrase,
    given: givenKeys(config),
    notify: ({ event, level, facts }) => logger[level](facts, event),
  })
  const relaySigner = await keyring.keyFor('relay')
  const accessFile = join(dataDir, ACCESS_FILE)
  const snapshot = await loadSnapshot(accessFile)
  endings.add(() => unit?.stop())
  if (hasOffice) {
    office = openOffice({ config: () => settings.current, shared, relaySigner, accessFile, snapshot, logger })
    const { stop } = office
    endings.add(stop)
  }
  unit = await startRelayUnit({
    config: { ...config, relay: relaySettings(config) },
    logger,
    http,
    host: office?.host ?? { ...createLonelyHost(() => systemClock.nowSeconds()), claimAuthEvent },
    access: snapshot.lists,
    version: packageJson.version,
    self: relaySigner.publicKey,
    offeredNips: hasOffice ? (roles.includes('api') ? OFFERED_BY_API : OFFERED) : [],
    processId,
    vacate: takesOver ? makingWay(config, logger) : undefined,
    ...(shared.processBus !== undefined && { processBus: shared.processBus }),
  })
  const policies = createMainPolicies(config, snapshot.lists, unit.store, logger)
  endings.add(() => policies.close())
  unit = toldTo(unit, policies)
  office?.serve(unit)
  if (roles.includes('jobs') || !hasOffice) {
    const { file: configFile } = settings
    services = await startServices({
      config,
      configFile,
      unit,
      office,
      verifier,
      relaySigner,
      policies,
      logger,
    })
    const { stop, retention, backups } = services
    endings.add(stop)
    registerRetentionMetrics(metrics, () => retention.stats())
    registerBackupMetrics(metrics, () => backups.stats())
  }
  if (hasOffice) endings.add(await openAdmin(dataDir, { config, operator, logger, metrics }))
  return { unit, shared, metrics, services }
}

/** The rules of the main thread hear what the relay's threads are told. */
function toldTo(unit: RelayUnit, policies: MainPolicies): RelayUnit {
  return {
    ...unit,
    obey: (order) => {
      policies.obey(order)
      return unit.obey(order)
    },
  }
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
    `  relay       ws://${address}`,
    `  web         http://${address}   /health /healthz /metrics`,
    `  data        ${place} (${store.stats().events} events)`,
    `  signatures  ${verifier}`,
    `  threads     ${threads === 1 ? 'one for everything' : `${threads - 1} for sockets, 1 for the store`}`,
  ]
}

/** A key that the operator keeps elsewhere. */
function givenKeys({ signer: { relayKey, relayKeyFile } }: Config) {
  if (relayKey !== '') return { relay: { text: relayKey } }
  return relayKeyFile === '' ? {} : { relay: { path: relayKeyFile } }
}

/** How what was started is ended: last first, all of it, whatever fails. */
class Endings {
  readonly #all: (() => unknown)[] = []

  add(ending: () => unknown): void {
    this.#all.push(ending)
  }

  async run(): Promise<void> {
    const failures: unknown[] = []
    for (const ending of this.#all.splice(0).toReversed()) {
      try {
        await ending()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
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

/** An IPv6 address stands in brackets in a URL; the addresses that mean "all" are not ones to connect to. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
