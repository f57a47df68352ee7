/**
 * The rooms behind the relay: the application's HTTP server, the office, the services. They come up after the relay has
 * begun to serve, and their code is read only then, so that nobody waits for them who wants the relay.
 */
import type { FastifyInstance } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config/index.ts'
import type { Operator } from './console/index.ts'
import type { IlpNode } from './interledger/node/index.ts'
import type { IlpClient } from './interledger/rpc/index.ts'
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
import type { Duties, LeaderLine, Leadership } from './platform/leadership/index.ts'
import { createLonelyHost, type HostAnswer, type RelayHost } from './relay/index.ts'
import type { Keyring, Signer } from './signer/index.ts'
import type { NodeRoom } from './stoa-node.ts'
import type { NodeDesks } from './stoa-node-line.ts'
import type { ObservatoryDesk } from './stoa-observatory-desk.ts'
import type { Office } from './stoa-office.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { MainPolicies, Services } from './stoa-services.ts'
import type { LiveSettings } from './stoa-settings.ts'
import type { Shared } from './stoa-shared.ts'

export interface BackRoomsDeps {
  readonly settings: LiveSettings
  readonly shared: Shared
  readonly metrics: ReturnType<typeof createMetricsRegistry>
  readonly relaySigner: Signer
  readonly keyring: Keyring
  readonly verifier: SignatureVerifier
  readonly snapshot: AccessSnapshot
  readonly accessFile: string
  readonly dataDir: string
  /** Tells this process from others of the same Stoa. */
  readonly processId: string
  /** Of the relay and its store. */
  readonly relayHealth: () => Readonly<Record<string, ComponentHealth>>
  readonly logger: Logger
}

/** The relay's first clients have it to themselves for so long, unless somebody asks for a page. */
const OPEN_AFTER_MS = 300
/** Where peers connect by BTP, and programs by tRPC. They stand here so that the code of the node is read later. */
const BTP_PATH = '/btp'
const RPC_PATH = '/trpc'
const LIVE_PATH = '/api/v1/live'

export class BackRooms {
  readonly #deps: BackRoomsDeps
  /** Whether there is an office at all: a relay alone has none. */
  readonly hasOffice: boolean
  /** What the relay may ask. */
  readonly host: RelayHost
  #http: Promise<HttpServer> | undefined
  /** The Interledger node as it is asked in another process; undefined where there is but this one. */
  #far: NodeDesks | undefined
  #ilp: Promise<IlpClient> | undefined
  #operator: Promise<Operator> | undefined
  #unit: RelayUnit | undefined
  #office: Office | undefined
  /** Undefined while this process does not lead. */
  #services: Services | undefined
  #leadership: Leadership | undefined
  /** To the process that leads; undefined where there is but this one. */
  #line: LeaderLine | undefined
  /** Undefined in a process without the role `ilp`, and before the office is there. */
  #node: NodeRoom | undefined
  /** Undefined where nothing is watched or shown. */
  #observatory: Promise<ObservatoryDesk | undefined> | undefined
  #observatoryNow: ObservatoryDesk | undefined
  /** To the process that is the Interledger node. */
  #nodeLine: LeaderLine | undefined
  #opening: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #hasFailed = false
  #isDraining = false
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

  /** As `handle`, for an upgrade at another path than the relay's. */
  readonly handleUpgrade: HttpServer['handleUpgrade'] = (request, socket, head) => {
    const leave = (): void => void socket.destroy()
    socket.on('error', leave)
    this.#application().then((http) => {
      socket.off('error', leave)
      http.handleUpgrade(request, socket, head)
    }, leave)
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

  /**
   * The Interledger node as other parts of this process have it, wherever it is: the same client each time, closed with
   * these rooms.
   */
  ilp(): Promise<IlpClient> {
    this.#ilp ??= this.#openIlp().catch((error: unknown) => {
      this.#ilp = undefined
      throw error
    })
    return this.#ilp
  }

  /** @throws AppError CONFIG_INVALID when these settings cannot be; some rooms may have them then. */
  async configure(config: Config): Promise<void> {
    this.#node?.configure(config)
    await this.#services?.configure(config)
  }

  /** From now on `/health` says that this process is about to stop taking connections, so that none are sent to it. */
  drain(): void {
    this.#isDraining = true
  }

  /** First what writes, then what answers. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#opening
    for (const ending of this.#endings.splice(0).toReversed()) await ending()
    const http = await this.#http?.catch(() => undefined)
    await http?.close()
    this.#line?.close()
    this.#nodeLine?.close()
  }

  #application(): Promise<HttpServer> {
    this.#http ??= this.#createApplication()
    return this.#http
  }

  async #createApplication(): Promise<HttpServer> {
    const { settings, metrics, logger, verifier, shared } = this.#deps
    const config = settings.current
    const upgrades = (path: string) => {
      if (path === BTP_PATH) return this.#node?.handleBtp
      if (path === LIVE_PATH) return this.#observatoryNow?.handleLive
      return path === RPC_PATH ? this.#node?.handleRpc : undefined
    }
    const common = { logger, metrics, site: config.relay, health: () => this.#health(), upgrades }
    if (!this.hasOffice) return createHttpServer(common)
    const addNode = await this.#nodeRoutes()
    if (!config.process.roles.includes('api')) return createHttpServer({ ...common, routes: addNode })
    const [{ registerConsole }, { addressReader }, operator] = await Promise.all([
      import('./console/index.ts'),
      import('./stoa-client-address.ts'),
      this.#console(),
    ])
    const addressOf = addressReader(config)
    const observatory = await this.#observatoryDesk()
    return createHttpServer({
      ...common,
      routes: async (app) => {
        await addNode(app)
        await observatory?.addRoutes(app)
        await registerConsole(app, {
          operator,
          accounts: () => this.#office?.people()?.accounts,
          knownAs: () => ({ publicUrl: settings.current.relay.publicUrl, otherUrls: [] }),
          verifier,
          claimOnce: shared.claimAuthEvent,
          clock: systemClock,
          addressOf: ({ raw }) => addressOf(raw) ?? '',
          version: packageJson.version,
          ...(observatory !== undefined && { furtherPaths: observatory.paths() }),
        })
      },
    })
  }

  /** For operators: they are told when there is no observatory here. */
  async #observatoryDoor(): Promise<Operator['observatory']> {
    const [{ noObservatory }, desk] = await Promise.all([
      import('./stoa-observatory-absent.ts'),
      this.#observatoryDesk(),
    ])
    const { settings } = this.#deps
    return () => desk?.operatorDesk() ?? noObservatory(settings.current)
  }

  #observatoryDesk(): Promise<ObservatoryDesk | undefined> {
    this.#observatory ??= this.#createObservatory()
    return this.#observatory
  }

  async #createObservatory(): Promise<ObservatoryDesk | undefined> {
    const { settings, shared, processId, relaySigner, keyring, verifier, dataDir, logger } = this.#deps
    const { observatory, process } = settings.current
    const isPart = process.roles.includes('collector') || process.roles.includes('api')
    if (!this.hasOffice || !isPart || observatory.watch === 'off') return undefined
    const { ObservatoryDesk } = await import('./stoa-observatory-desk.ts')
    const desk = new ObservatoryDesk({
      config: () => settings.current,
      office: () => this.#office,
      unit: () => this.#relay(),
      shared,
      processId,
      relaySigner,
      keyring,
      verifier,
      dataDir,
      logger,
    })
    this.#observatoryNow = desk
    return desk
  }

  /** Payments and packets over HTTP, where this process may be the node. */
  async #nodeRoutes(): Promise<(app: FastifyInstance) => Promise<void>> {
    if (!this.#deps.settings.current.process.roles.includes('ilp')) return async () => {}
    const [{ addNodeRoutes }, { addAccountingRoutes }, { addressReader }] = await Promise.all([
      import('./interledger/node/index.ts'),
      import('./stoa-settlement.ts'),
      import('./stoa-client-address.ts'),
    ])
    const { engineUrl, engineToken } = this.#deps.settings.current.settlement
    const addressOf = addressReader(this.#deps.settings.current)
    return async (app) => {
      await addNodeRoutes(app, () => this.#node?.current(), addressOf)
      if (engineUrl !== '')
        await addAccountingRoutes(app, {
          token: engineToken,
          api: () => this.#node?.settlement()?.accountingApi,
        })
    }
  }

  #console(): Promise<Operator> {
    this.#operator ??= this.#createOperator()
    return this.#operator
  }

  async #createOperator(): Promise<Operator> {
    const { settings, shared, relaySigner } = this.#deps
    const [{ createOperator }, { LeaderLine }] = await Promise.all([
      import('./stoa-operator.ts'),
      import('./platform/leadership/index.ts'),
    ])
    if (shared.processBus !== undefined) {
      this.#line = new LeaderLine(shared.bus, this.#deps.logger)
      this.#nodeLine = new LeaderLine(shared.bus, this.#deps.logger, 'ilp')
    }
    return createOperator({
      office: () => this.#office,
      unit: () => this.#relay(),
      shared,
      settings,
      services: () => this.#services,
      line: this.#line,
      node: () => this.#nodeDesk(),
      settlement: () => this.#node?.settlementDesk() ?? this.#farDesks()?.settlement,
      observatory: await this.#observatoryDoor(),
      relayPubkey: relaySigner.publicKey,
      health: () => this.#health(),
    })
  }

  /** The node here, or where it is; undefined when it cannot be reached from here. */
  #nodeDesk(): IlpNode | undefined {
    return this.#node?.current()?.node ?? this.#farDesks()?.node
  }

  #farDesks(): NodeDesks | undefined {
    return this.#office?.ledger() === undefined ? undefined : this.#far
  }

  async #openIlp(): Promise<IlpClient> {
    const { settings, logger } = this.#deps
    const { openIlpClient } = await import('./stoa-node-client.ts')
    const client = await openIlpClient({
      config: settings.current,
      room: () => this.#node,
      line: () => this.#nodeLine,
      ledger: () => this.#office?.ledger(),
      logger: logger.child({ part: 'ilp-client' }),
    })
    this.#endings.push(() => client.close())
    return client
  }

  #relay(): RelayUnit {
    if (this.#unit !== undefined) return this.#unit
    throw new AppError('INTERNAL', 'The relay was asked for before it has started.')
  }

  async #open(): Promise<void> {
    const { settings, shared, snapshot, metrics, relaySigner, accessFile, dataDir, logger } = this.#deps
    const config = settings.current
    await this.#application()
    const { createMainPolicies, toldTo } = await import('./stoa-services.ts')
    const policies = createMainPolicies(config, snapshot.lists, this.#relay().store, logger)
    this.#endings.push(() => policies.close())
    const unit = toldTo(this.#relay(), policies)
    this.#unit = unit
    await this.#measure(policies)
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
    if (!this.hasOffice || config.process.roles.includes('jobs')) await this.#seekLeadership(policies)
    if (!this.hasOffice) return
    await this.#openNode()
    await this.#openObservatory(policies)
    const { openAdmin } = await import('./stoa-console.ts')
    const operator = await this.#console()
    this.#endings.push(await openAdmin(dataDir, { config, operator, logger, metrics }))
  }

  /** Names what `/metrics` says of these rooms. It is read when asked for, and what is not open yet says nothing. */
  async #measure(policies: MainPolicies): Promise<void> {
    const { settings, shared, metrics } = this.#deps
    const { registerBackMetrics, registerOfficeMetrics, registerServiceMetrics } = await import(
      './stoa-back-metrics.ts'
    )
    registerBackMetrics(metrics, {
      health: () => this.#health(),
      shared: () => shared.stats(),
      bus: shared.bus,
      listSizes: () => policies.listSizes(),
    })
    if (this.hasOffice) {
      const database = () => this.#office?.database()
      registerOfficeMetrics(metrics, {
        database: () => database()?.stats(),
        moderation: () => (database() === undefined ? undefined : this.#office?.moderation().status()),
        audit: () => this.#office?.audit(),
      })
      const { registerJobsMetrics } = await import('./platform/jobs/index.ts')
      registerJobsMetrics(metrics, () => this.#office?.jobs()?.stats())
      await this.#measureMoney()
      await this.#measureObservatory()
    }
    if (this.hasOffice && !settings.current.process.roles.includes('jobs')) return
    registerServiceMetrics(metrics, {
      mirrors: () => this.#services?.mirrors.list() ?? [],
      retention: () => this.#services?.retention.stats(),
      backups: () => this.#services?.backups.stats(),
    })
  }

  async #measureObservatory(): Promise<void> {
    const [{ registerObservatoryMetrics }, desk] = await Promise.all([
      import('./observatory/index.ts'),
      this.#observatoryDesk(),
    ])
    if (desk !== undefined) registerObservatoryMetrics(this.#deps.metrics, desk.figures())
  }

  async #measureMoney(): Promise<void> {
    const { settings, metrics } = this.#deps
    const { registerLedgerMetrics } = await import('./ledger/index.ts')
    registerLedgerMetrics(metrics, () => this.#office?.ledger()?.stats())
    if (!settings.current.process.roles.includes('ilp')) return
    const [{ registerNodeMetrics }, { registerSettlementMetrics }] = await Promise.all([
      import('./interledger/node/index.ts'),
      import('./stoa-back-metrics.ts'),
    ])
    registerNodeMetrics(metrics, () => this.#node?.current())
    registerSettlementMetrics(metrics, () => this.#node?.settlementDesk()?.figures())
  }

  /** A store in files has one process; those that share a database choose one among them. */
  async #seekLeadership(policies: MainPolicies): Promise<void> {
    const { settings, logger } = this.#deps
    const { leadAtOnce, startLeadership } = await import('./platform/leadership/index.ts')
    const office = this.#office
    // With it comes the line by which other processes ask the one that leads.
    if (office !== undefined) await this.#console()
    const duties = await this.#duties(policies)
    const leadership =
      office === undefined || settings.current.store.engine === 'log'
        ? await leadAtOnce('services', duties, logger)
        : startLeadership({
            databaseUrl: office.databaseReady().then(({ url }) => url),
            duty: 'services',
            duties,
            logger,
          })
    this.#endings.push(() => leadership.stop())
    this.#leadership = leadership
  }

  async #openNode(): Promise<void> {
    const { settings, keyring, relaySigner, logger } = this.#deps
    const office = this.#office
    // With it comes the line to the process that is the node.
    await this.#console()
    const [{ NodeRoom }, { farDesks }] = await Promise.all([
      import('./stoa-node.ts'),
      import('./stoa-node-line.ts'),
    ])
    if (this.#nodeLine !== undefined) this.#far = farDesks(this.#nodeLine, () => this.#office?.ledger())
    if (office === undefined || !settings.current.process.roles.includes('ilp')) return
    const node = new NodeRoom({
      config: () => settings.current,
      office,
      keyring,
      relayPubkey: relaySigner.publicKey,
      line: this.#nodeLine,
      logger,
    })
    this.#node = node
    this.#endings.push(() => node.stop())
    node.start()
  }

  async #openObservatory(policies: MainPolicies): Promise<void> {
    const desk = await this.#observatoryDesk()
    if (desk === undefined) return
    this.#endings.push(() => desk.stop())
    desk.start(policies)
  }

  async #duties(policies: MainPolicies): Promise<Duties> {
    const { settings, verifier, relaySigner, dataDir, logger } = this.#deps
    const [{ startServices }, { answerAsLeader, mirrorsStateOf }] = await Promise.all([
      import('./stoa-services.ts'),
      import('./stoa-leader.ts'),
    ])
    let stopAnswering = (): void => {}
    return {
      begin: async (term) => {
        const services = await startServices({
          config: settings.current,
          configFile: settings.file,
          unit: this.#relay(),
          office: this.#office,
          verifier,
          relaySigner,
          policies,
          mirrorsState: mirrorsStateOf(settings.current, {
            dataDir,
            database: this.#office?.database(),
            term,
          }),
          logger,
        })
        this.#services = services
        stopAnswering =
          this.#line?.answer((what) => answerAsLeader(what, this.#office, services)) ?? (() => {})
      },
      end: async () => {
        stopAnswering()
        const services = this.#services
        this.#services = undefined
        await services?.stop()
      },
    }
  }

  async #health(): Promise<Readonly<Record<string, ComponentHealth>>> {
    return {
      ...(this.#isDraining && { process: { status: 'draining' as const } }),
      ...this.#deps.relayHealth(),
      ...(await this.#office?.health()),
      ...(this.#leadership !== undefined && { leadership: this.#leadership.health() }),
      ...(this.#node !== undefined && { interledger: this.#node.health() }),
      ...(this.#observatoryNow !== undefined && { observatory: this.#observatoryNow.health() }),
      ...(this.#hasFailed && { office: { status: 'failed' as const } }),
      shared: this.#deps.shared.health(),
    }
  }
}

const NOT_READY: HostAnswer = {
  isAccepted: false,
  text: 'error: the relay is still starting, try again in a moment',
}
