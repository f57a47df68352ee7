/**
 * The rooms behind the relay: the application's HTTP server, the office, the services. They come up after the relay has
 * begun to serve, and their code is read only then, so that nobody waits for them who wants the relay.
 */
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config/index.ts'
import type { Operator } from './console/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import type { AccessSnapshot } from './moderation/index.ts'
import {
  type ComponentHealth,
  createHttpServer,
  type createMetricsRegistry,
  type HttpServer,
  type Logger,
  type SignatureVerifier,
} from './platform/index.ts'
import { createLonelyHost, type HostAnswer, type RelayHost } from './relay/index.ts'
import type { Signer } from './signer/index.ts'
import type { Office } from './stoa-office.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { Services } from './stoa-services.ts'
import type { LiveSettings } from './stoa-settings.ts'
import type { Shared } from './stoa-shared.ts'

export interface BackRoomsDeps {
  readonly settings: LiveSettings
  readonly shared: Shared
  readonly metrics: ReturnType<typeof createMetricsRegistry>
  readonly relaySigner: Signer
  readonly verifier: SignatureVerifier
  readonly snapshot: AccessSnapshot
  readonly accessFile: string
  readonly dataDir: string
  /** Of the relay and its store. */
  readonly relayHealth: () => Readonly<Record<string, ComponentHealth>>
  readonly logger: Logger
}

/** The relay's first clients have it to themselves for so long, unless somebody asks for a page. */
const OPEN_AFTER_MS = 300

export class BackRooms {
  readonly #deps: BackRoomsDeps
  /** Whether there is an office at all: a relay alone has none. */
  readonly hasOffice: boolean
  /** What the relay may ask. */
  readonly host: RelayHost
  #http: Promise<HttpServer> | undefined
  #operator: Promise<Operator> | undefined
  #unit: RelayUnit | undefined
  #office: Office | undefined
  #services: Services | undefined
  #opening: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #hasFailed = false
  readonly #endings: (() => unknown)[] = []

  constructor(deps: BackRoomsDeps) {
    const { process, store } = deps.settings.current
    this.#deps = deps
    this.hasOffice = store.engine === 'postgres' || process.roles.length > 1
    const { claimAuthEvent } = deps.shared
    this.host = this.hasOffice
      ? {
          claimAuthEvent,
          hold: async (event, why) => this.#office?.host.hold(event, why) ?? NOT_READY,
          membership: async (event) => this.#office?.host.membership(event) ?? NOT_READY,
          invite: async (pubkeys) => this.#office?.host.invite(pubkeys),
        }
      : { ...createLonelyHost(() => systemClock.nowSeconds()), claimAuthEvent }
  }

  /** Answers a request for the application; the first one has it come up. */
  readonly handle: HttpServer['handle'] = (request, response) => {
    this.#application().then(
      (http) => http.handle(request, response),
      () => response.writeHead(503).end(),
    )
  }

  async listenUnix(path: string): Promise<void> {
    const http = await this.#application()
    await http.listenUnix(path)
  }

  /** Begins to work for this relay, in a moment. */
  openTo(unit: RelayUnit): void {
    this.#unit = unit
    this.#timer = setTimeout(() => void this.opened(), OPEN_AFTER_MS)
  }

  /** Resolves when everything is open that can be without the database. */
  opened(): Promise<void> {
    clearTimeout(this.#timer)
    this.#opening ??= this.#open().catch((err: unknown) => {
      this.#hasFailed = true
      this.#deps.logger.error({ err }, 'stoa.back_rooms_failed')
    })
    return this.#opening
  }

  /** @throws AppError CONFIG_INVALID when these settings cannot be; nothing has changed then. */
  async configure(config: Config): Promise<void> {
    await this.#services?.configure(config)
  }

  /** First what writes, then what answers. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#opening
    for (const ending of this.#endings.splice(0).toReversed()) await ending()
    const http = await this.#http?.catch(() => undefined)
    await http?.close()
  }

  #application(): Promise<HttpServer> {
    this.#http ??= this.#createApplication()
    return this.#http
  }

  async #createApplication(): Promise<HttpServer> {
    const { settings, metrics, logger, verifier, shared } = this.#deps
    const config = settings.current
    const common = { logger, metrics, site: config.relay, health: () => this.#health() }
    if (!this.hasOffice || !config.process.roles.includes('api')) return createHttpServer(common)
    const [{ registerConsole }, { addressReader }, operator] = await Promise.all([
      import('./console/index.ts'),
      import('./stoa-console.ts'),
      this.#console(),
    ])
    return createHttpServer({
      ...common,
      routes: (app) =>
        registerConsole(app, {
          operator,
          accounts: () => this.#office?.people()?.accounts,
          knownAs: () => ({ publicUrl: settings.current.relay.publicUrl, otherUrls: [] }),
          verifier,
          claimOnce: shared.claimAuthEvent,
          clock: systemClock,
          addressOf: addressReader(config),
          version: packageJson.version,
        }),
    })
  }

  #console(): Promise<Operator> {
    const { settings, shared } = this.#deps
    this.#operator ??= import('./stoa-operator.ts').then(({ createOperator }) =>
      createOperator({
        office: () => this.#office,
        unit: () => this.#relay(),
        shared,
        settings,
        services: () => this.#services,
        health: () => this.#health(),
      }),
    )
    return this.#operator
  }

  #relay(): RelayUnit {
    if (this.#unit !== undefined) return this.#unit
    throw new AppError('INTERNAL', 'The relay was asked for before it has started.')
  }

  async #open(): Promise<void> {
    const { settings, shared, snapshot, metrics, relaySigner, verifier, accessFile, dataDir, logger } =
      this.#deps
    const config = settings.current
    await this.#application()
    const [services, backup, retention] = await Promise.all([
      import('./stoa-services.ts'),
      import('./backup/index.ts'),
      import('./retention/index.ts'),
    ])
    const policies = services.createMainPolicies(config, snapshot.lists, this.#relay().store, logger)
    this.#endings.push(() => policies.close())
    const unit = services.toldTo(this.#relay(), policies)
    this.#unit = unit
    if (this.hasOffice) {
      const { openOffice } = await import('./stoa-office.ts')
      const office = openOffice({
        config: () => settings.current,
        shared,
        relaySigner,
        accessFile,
        snapshot,
        logger,
      })
      this.#endings.push(() => office.stop())
      office.serve(unit)
      this.#office = office
    }
    if (!this.hasOffice || config.process.roles.includes('jobs')) {
      const started = await services.startServices({
        config,
        configFile: settings.file,
        unit,
        office: this.#office,
        verifier,
        relaySigner,
        policies,
        logger,
      })
      this.#endings.push(() => started.stop())
      this.#services = started
      retention.registerRetentionMetrics(metrics, () => started.retention.stats())
      backup.registerBackupMetrics(metrics, () => started.backups.stats())
    }
    if (!this.hasOffice) return
    const { openAdmin } = await import('./stoa-console.ts')
    const operator = await this.#console()
    this.#endings.push(await openAdmin(dataDir, { config, operator, logger, metrics }))
  }

  async #health(): Promise<Readonly<Record<string, ComponentHealth>>> {
    return {
      ...this.#deps.relayHealth(),
      ...(await this.#office?.health()),
      ...(this.#hasFailed && { office: { status: 'failed' as const } }),
      shared: this.#deps.shared.health(),
    }
  }
}

const NOT_READY: HostAnswer = {
  isAccepted: false,
  text: 'error: the relay is still starting, try again in a moment',
}
