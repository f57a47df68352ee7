/**
 * The observatory as the rest of the program has it: its thread, the page, the API, alerts, the monitor, recommendations,
 * and what of the network is stored here. It comes up with the back rooms; until the database is ready most of it says so.
 */
import type { FastifyInstance } from 'fastify'
import type { Config } from './config/index.ts'
import type { ObservatoryDesk as OperatorDesk } from './console/index.ts'
import { AppError } from './kernel/index.ts'
import { type NostrEvent, RELAY_DISCOVERY_KIND } from './nostr/index.ts'
import { addAlertRoutes, alertFigures, alertPaths } from './observatory/alerts/index.ts'
import {
  type ApiPaths,
  addSubscriptionRoutes,
  createLiveHub,
  createLiveSocket,
  type LiveHub,
  type LiveSocket,
  observatoryPaths,
  registerObservatory,
  subscriptionPaths,
  tierFigures,
} from './observatory/api/index.ts'
import type { ObservatoryFigures } from './observatory/index.ts'
import { readStanding } from './observatory/records/index.ts'
import { addSite } from './observatory/site/index.ts'
import type { Database } from './platform/database/index.ts'
import type { ComponentHealth, Logger, SignatureVerifier, UpgradeHandler } from './platform/index.ts'
import type { Keyring, Signer } from './signer/index.ts'
import { Endings } from './stoa-endings.ts'
import { ObservatoryRoom, type ObservatoryThreadData } from './stoa-observatory.ts'
import { countAnswers, observatoryApiDeps } from './stoa-observatory-api.ts'
import { observatoryCallers } from './stoa-observatory-callers.ts'
import { type Feed, openFeed } from './stoa-observatory-feed.ts'
import { observatoryOperator } from './stoa-observatory-operator.ts'
import { ownRelay, watchOptions } from './stoa-observatory-options.ts'
import { ObservatoryParts } from './stoa-observatory-parts.ts'
import type { Office } from './stoa-office.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { MainPolicies } from './stoa-services.ts'
import type { Shared } from './stoa-shared.ts'

export interface ObservatoryDeskDeps {
  readonly config: () => Config
  readonly office: () => Office | undefined
  readonly unit: () => RelayUnit
  readonly shared: Shared
  readonly processId: string
  readonly relaySigner: Signer
  readonly keyring: Pick<Keyring, 'agreementFor'>
  readonly verifier: SignatureVerifier
  readonly dataDir: string
  readonly logger: Logger
}

export class ObservatoryDesk {
  readonly #deps: ObservatoryDeskDeps
  readonly #room: ObservatoryRoom
  readonly #parts: ObservatoryParts
  readonly #endings = new Endings()
  readonly #answers = countAnswers()
  #live: LiveSocket | undefined
  #hub: LiveHub | undefined
  #feed: Feed | undefined

  constructor(deps: ObservatoryDeskDeps) {
    const { shared, office, logger } = deps
    this.#deps = deps
    this.#room = new ObservatoryRoom({
      thread: this.#collects ? () => this.#threadData() : undefined,
      bus: shared.bus,
      database: () => office()?.database(),
      onEvents: (events) => this.#hear(events),
      logger,
    })
    this.#parts = new ObservatoryParts({ ...deps, room: this.#room })
  }

  /** WebSockets of `/api/v1/live`; undefined where this process answers nobody. */
  get handleLive(): UpgradeHandler | undefined {
    return this.#live?.handleUpgrade
  }

  health(): ComponentHealth {
    const health = this.#room.health()
    const failure = this.#parts.failure()
    if (failure === undefined) return health
    const { reason } = health
    return {
      ...health,
      status: 'degraded',
      reason: reason === undefined ? failure : `${reason}; ${failure}`,
    }
  }

  /** For `/metrics`. */
  figures(): ObservatoryFigures {
    const { config, office } = this.#deps
    const database = () => office()?.database()
    return {
      watch: () => this.#room.stats(),
      journalLimitBytes: () => config().observatory.journalBytes,
      coverage: async () => (await this.#room.source.snapshot('24h'))?.snapshot.coverage,
      standing: async () => readIfThere(database(), readStanding),
      feed: () => this.#feed?.stats(),
      alerts: async () => readIfThere(database(), alertFigures),
      tiers: async () => readIfThere(database(), tierFigures),
      readers: () => this.#hub?.readers,
      answers: () => this.#answers.counts,
    }
  }

  /** For operators. */
  operatorDesk(): OperatorDesk {
    const { config, office } = this.#deps
    return observatoryOperator({
      config,
      office,
      room: this.#room,
      alerts: () => this.#parts.alerts,
      tiers: () => this.#parts.tiers,
    })
  }

  /** Of the API, for its documentation. */
  paths(): ApiPaths {
    return { ...observatoryPaths(), ...alertPaths(), ...subscriptionPaths() }
  }

  /** The page, the API and alerts. */
  async addRoutes(app: FastifyInstance): Promise<void> {
    const parts = this.#parts
    const deps = observatoryApiDeps({
      ...this.#deps,
      source: this.#room.source,
      parts,
      onAnswered: this.#answers.note,
    })
    const live = createLiveHub(deps)
    this.#hub = live
    const socket = createLiveSocket({ ...deps, live })
    this.#live = socket
    this.#endings.add(() => socket.close())
    const { office, shared } = this.#deps
    const callers = observatoryCallers({
      ...this.#deps,
      accounts: () => office()?.people()?.accounts,
      claimOnce: shared.claimAuthEvent,
    })
    const { addressOf } = deps
    await registerObservatory(app, { ...deps, live })
    await app.register(async (scope) =>
      addAlertRoutes(scope, { alerts: () => parts.alerts, identify: callers.ofAlerts, addressOf }),
    )
    await addSubscriptionRoutes(app, {
      tiers: () => parts.tiers,
      findKey: callers.findKey,
      identify: callers.ofSubscriptions,
      addressOf,
    })
    await addSite(app)
  }

  /** Begins, when the office serves; returns at once. */
  start(policies: MainPolicies): void {
    const { config } = this.#deps
    if (config().observatory.feedRelay && this.#collects) {
      const feed = openFeed(policies, { ...this.#deps, office: this.#office() })
      this.#feed = feed
      this.#endings.add(() => feed.stop())
    }
    this.#room.start()
    this.#endings.add(() => this.#room.stop())
    this.#parts.start()
    this.#endings.add(() => this.#parts.stop())
  }

  stop(): Promise<void> {
    return this.#endings.run()
  }

  get #collects(): boolean {
    return this.#deps.config().process.roles.includes('collector')
  }

  #hear(events: readonly NostrEvent[]): void {
    this.#feed?.offer(events)
    const { monitor } = this.#parts
    if (monitor === undefined) return
    for (const event of events) {
      if (event.kind !== RELAY_DISCOVERY_KIND) continue
      void monitor
        .note(event)
        .catch((err: unknown) => this.#deps.logger.warn({ err }, 'observatory.note_not_written'))
    }
  }

  async #threadData(): Promise<ObservatoryThreadData> {
    const { config, processId, unit } = this.#deps
    const { url: databaseUrl } = await this.#office().databaseReady()
    const { log } = config()
    const own = ownRelay(config(), unit().port)
    return { options: await watchOptions(config(), { databaseUrl, processId, own }), log }
  }

  #office(): Office {
    const office = this.#deps.office()
    if (office === undefined) throw new AppError('INTERNAL', 'The observatory is opened before the office.')
    return office
  }
}

async function readIfThere<T>(
  database: Database | undefined,
  read: (db: Database['db']) => Promise<T>,
): Promise<T | undefined> {
  return database === undefined ? undefined : read(database.db)
}
