/**
 * The rooms behind the relay: the application's HTTP server, the office, the services. They come up after the relay has
 * begun to serve, and their code is read only then, so that nobody waits for them who wants the relay.
 */
import type { Config } from './config/index.ts'
import type { Operator } from './console/index.ts'
import type { IlpClient } from './interledger/rpc/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import type { AccessSnapshot } from './moderation/index.ts'
import type {
  ComponentHealth,
  createMetricsRegistry,
  Health,
  HttpServer,
  Logger,
  SignatureVerifier,
} from './platform/index.ts'
import type { LeaderLine } from './platform/leadership/index.ts'
import { createLonelyHost, type HostAnswer, type RelayHost } from './relay/index.ts'
import type { Keyring, Signer } from './signer/index.ts'
import type { Lines } from './stoa-back-lines.ts'
import { NodePlace } from './stoa-back-node.ts'
import type { LedServices } from './stoa-back-services.ts'
import { Endings } from './stoa-endings.ts'
import type { ObservatoryDesk } from './stoa-observatory-desk.ts'
import type { Office } from './stoa-office.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { MainPolicies } from './stoa-services.ts'
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

export class BackRooms {
  readonly #deps: BackRoomsDeps
  /** Whether there is an office at all: a relay alone has none. */
  readonly hasOffice: boolean
  /** What the relay may ask. */
  readonly host: RelayHost
  readonly #endings = new Endings()
  readonly #node: NodePlace
  #http: Promise<HttpServer> | undefined
  #lines: Promise<Lines> | undefined
  #operator: Promise<Operator> | undefined
  #unit: RelayUnit | undefined
  #office: Office | undefined
  /** Undefined where they are not this process's to do. */
  #services: LedServices | undefined
  /** Undefined where nothing is watched or shown. */
  #observatory: Promise<ObservatoryDesk | undefined> | undefined
  #observatoryNow: ObservatoryDesk | undefined
  #opening: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #hasFailed = false
  #isDraining = false

  constructor(deps: BackRoomsDeps) {
    const { process, store } = deps.settings.current
    this.#deps = deps
    this.#node = new NodePlace({
      ...deps,
      config: () => deps.settings.current,
      office: () => this.#office,
      endings: this.#endings,
    })
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

  /** The Interledger node as other parts of this process have it: the same client each time, closed with these rooms. */
  ilp(): Promise<IlpClient> {
    return this.#node.client()
  }

  /** @throws AppError CONFIG_INVALID when these settings cannot be; some rooms may have them then. */
  async configure(config: Config): Promise<void> {
    this.#node.configure(config)
    await this.#services?.current()?.configure(config)
  }

  /** From now on `/health` says that this process is about to stop taking connections, so that none are sent to it. */
  drain(): void {
    this.#isDraining = true
  }

  /** First what writes, then what answers. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#opening
    try {
      await this.#endings.run()
    } finally {
      const http = await this.#http?.catch(() => undefined)
      await http?.close()
      const lines = await this.#lines?.catch(() => undefined)
      lines?.close()
    }
  }

  #application(): Promise<HttpServer> {
    this.#http ??= import('./stoa-back-application.ts').then(({ createApplication }) =>
      createApplication({
        ...this.#deps,
        health: () => this.#health(),
        hasOffice: this.hasOffice,
        office: () => this.#office,
        node: this.#node,
        operator: () => this.#console(),
        observatory: () => this.#observatoryDesk(),
      }),
    )
    return this.#http
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
    const { settings } = this.#deps
    const { observatory, process } = settings.current
    const isPart = process.roles.includes('collector') || process.roles.includes('api')
    if (!this.hasOffice || !isPart || observatory.watch === 'off') return undefined
    const { ObservatoryDesk } = await import('./stoa-observatory-desk.ts')
    const desk = new ObservatoryDesk({
      ...this.#deps,
      config: () => settings.current,
      office: () => this.#office,
      unit: () => this.#relay(),
    })
    this.#observatoryNow = desk
    return desk
  }

  #console(): Promise<Operator> {
    this.#operator ??= this.#createOperator()
    return this.#operator
  }

  async #createOperator(): Promise<Operator> {
    const { settings, shared, relaySigner } = this.#deps
    const [{ createOperator }, lines, observatory] = await Promise.all([
      import('./stoa-operator.ts'),
      this.#openLines(),
      this.#observatoryDoor(),
    ])
    return createOperator({
      office: () => this.#office,
      unit: () => this.#relay(),
      shared,
      settings,
      services: () => this.#services?.current(),
      line: lines.services,
      node: () => this.#node.desk(),
      settlement: () => this.#node.settlementDesk(),
      observatory,
      relayPubkey: relaySigner.publicKey,
      health: () => this.#health(),
    })
  }

  #openLines(): Promise<Lines> {
    const { shared, logger } = this.#deps
    this.#lines ??= import('./stoa-back-lines.ts').then(({ openLines }) => openLines(shared, logger))
    return this.#lines
  }

  #relay(): RelayUnit {
    if (this.#unit !== undefined) return this.#unit
    throw new AppError('INTERNAL', 'The relay was asked for before it has started.')
  }

  async #open(): Promise<void> {
    const { settings, snapshot, metrics, dataDir, logger } = this.#deps
    const config = settings.current
    await this.#application()
    const { createMainPolicies, toldTo } = await import('./stoa-services.ts')
    const policies = createMainPolicies(config, snapshot.lists, this.#relay().store, logger)
    this.#endings.add(() => policies.close())
    const unit = toldTo(this.#relay(), policies)
    this.#unit = unit
    await this.#measure(policies)
    if (this.hasOffice) {
      const { openOffice } = await import('./stoa-office.ts')
      const office = openOffice({ ...this.#deps, config: () => settings.current })
      this.#endings.add(() => office.stop())
      office.serve(unit)
      this.#office = office
    }
    // A relay alone asks nobody.
    const lines = this.hasOffice ? await this.#openLines() : undefined
    if (lines === undefined || config.process.roles.includes('jobs'))
      await this.#openServices(policies, lines?.services)
    if (lines === undefined) return
    await this.#node.open(lines.node)
    await this.#openObservatory(policies)
    const { openAdmin } = await import('./stoa-console.ts')
    const operator = await this.#console()
    this.#endings.add(await openAdmin(dataDir, { config, operator, logger, metrics }))
  }

  async #measure(policies: MainPolicies): Promise<void> {
    const { measureBackRooms } = await import('./stoa-back-measured.ts')
    await measureBackRooms({
      ...this.#deps,
      config: this.#deps.settings.current,
      health: () => this.#health(),
      listSizes: () => policies.listSizes(),
      hasOffice: this.hasOffice,
      office: () => this.#office,
      services: () => this.#services?.current(),
      node: this.#node,
      observatory: await this.#observatoryDesk(),
    })
  }

  async #openServices(policies: MainPolicies, line: LeaderLine | undefined): Promise<void> {
    const { leadServices } = await import('./stoa-back-services.ts')
    const services = await leadServices({
      ...this.#deps,
      configFile: this.#deps.settings.file,
      unit: this.#relay(),
      office: this.#office,
      policies,
      line,
    })
    this.#services = services
    this.#endings.add(() => services.stop())
  }

  async #openObservatory(policies: MainPolicies): Promise<void> {
    const desk = await this.#observatoryDesk()
    if (desk === undefined) return
    this.#endings.add(() => desk.stop())
    desk.start(policies)
  }

  async #health(): Promise<Health> {
    const node = this.#node.health()
    return {
      ...(this.#isDraining && { process: { status: 'draining' as const } }),
      ...this.#deps.relayHealth(),
      ...(await this.#office?.health()),
      ...(this.#services !== undefined && { leadership: this.#services.health() }),
      ...(node !== undefined && { interledger: node }),
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
