/**
 * The observatory as the rest of the program has it: its thread, the page, the API, alerts, the monitor, recommendations,
 * and what of the network is stored here. It comes up with the back rooms; until the database is ready most of it says so.
 */
import { hash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import { createMailer } from './accounts/index.ts'
import type { Config } from './config/index.ts'
import { createIdentify } from './console/index.ts'
import { AppError, accepted, type Outcome, type Refusal, refused, systemClock } from './kernel/index.ts'
import { createIntake } from './mirrors/index.ts'
import { finalizeEvent, type NostrEvent, RELAY_DISCOVERY_KIND } from './nostr/index.ts'
import { type AlertCaller, type Alerts, addAlertRoutes, openAlerts } from './observatory/alerts/index.ts'
import {
  type ApiPaths,
  type ApiTiers,
  type BrandBody,
  createLiveHub,
  createLiveSocket,
  type LiveSocket,
  monthOf,
  type ObservatoryApiDeps,
  observatoryPaths,
  openApiTiers,
  registerObservatory,
  type ServiceState,
  type Tier,
} from './observatory/api/index.ts'
import { exportHistory } from './observatory/export/index.ts'
import { type Monitor, type MonitoredRelay, openMonitor } from './observatory/monitor/index.ts'
import { openRecommendations } from './observatory/recommendations/index.ts'
import { addSite } from './observatory/site/index.ts'
import type { Database } from './platform/database/index.ts'
import type { ComponentHealth, Logger, SignatureVerifier, UpgradeHandler } from './platform/index.ts'
import { LiveEvent } from './relay/index.ts'
import { createSecretBox, type Keyring, type SecretBox, type Signer } from './signer/index.ts'
import { explainSpam, SURELY_SPAM, spamProbability } from './spam/index.ts'
import { addressReader } from './stoa-client-address.ts'
import { Endings } from './stoa-endings.ts'
import { ObservatoryRoom, type ObservatoryThreadData } from './stoa-observatory.ts'
import { type Feed, startFeed } from './stoa-observatory-feed.ts'
import { type KeepersWork, startKeepersWork } from './stoa-observatory-figures.ts'
import { alertMessages } from './stoa-observatory-messages.ts'
import { watchOptions } from './stoa-observatory-options.ts'
import { recordsReader } from './stoa-observatory-records.ts'
import type { Office } from './stoa-office.ts'
import { findEvents, publishEvent } from './stoa-publish.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { MainPolicies } from './stoa-services.ts'
import type { Shared } from './stoa-shared.ts'
import type { WatchStats } from './stoa-watch.ts'

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

/** Relays published in a minute, at most. */
const MAX_PUBLISHED_PER_MINUTE = 120
const CHARGE_INTERVAL_MS = 3_600_000
/** How often it is looked whether the job runner has come up. */
const LOOK_MS = 500
const OPERATORS: ReadonlySet<string> = new Set(['owner', 'operator'])

export class ObservatoryDesk {
  readonly #deps: ObservatoryDeskDeps
  readonly #room: ObservatoryRoom
  readonly #endings = new Endings()
  readonly #stopping = new AbortController()
  #live: LiveSocket | undefined
  #feed: Feed | undefined
  #alerts: Alerts | undefined
  #tiers: ApiTiers | undefined
  /** Takes in what other monitors say; it does not publish. */
  #monitor: Monitor | undefined
  #work: KeepersWork | undefined

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
  }

  /** WebSockets of `/api/v1/live`; undefined where this process answers nobody. */
  get handleLive(): UpgradeHandler | undefined {
    return this.#live?.handleUpgrade
  }

  health(): ComponentHealth {
    return this.#room.health()
  }

  stats(): WatchStats | undefined {
    return this.#room.stats()
  }

  feedStats(): ReturnType<Feed['stats']> | undefined {
    return this.#feed?.stats()
  }

  /** Of the API, for its documentation. */
  paths(): ApiPaths {
    return observatoryPaths()
  }

  /** The page, the API and alerts. */
  async addRoutes(app: FastifyInstance): Promise<void> {
    const deps = this.#apiDeps()
    const live = createLiveHub(deps)
    const socket = createLiveSocket({ ...deps, live })
    this.#live = socket
    this.#endings.add(() => socket.close())
    await registerObservatory(app, { ...deps, live })
    await app.register(async (scope) =>
      addAlertRoutes(scope, { alerts: () => this.#alerts, identify: this.#identify() }),
    )
    await addSite(app)
  }

  /** Begins, when the office serves; returns at once. */
  start(policies: MainPolicies): void {
    const { config, logger } = this.#deps
    if (config().observatory.feedRelay && this.#collects) this.#feed = this.#openFeed(policies)
    this.#room.start()
    this.#endings.add(() => this.#room.stop())
    const opening = this.#open().catch((err: unknown) => {
      if (!this.#stopping.signal.aborted) logger.error({ err }, 'observatory.open_failed')
    })
    this.#endings.add(() => opening)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#endings.run()
    await this.#feed?.stop()
  }

  get #collects(): boolean {
    return this.#deps.config().process.roles.includes('collector')
  }

  /** What needs the database, and then what needs the job runner. */
  async #open(): Promise<void> {
    const { logger } = this.#deps
    const office = this.#office()
    const database = await office.opened()
    this.#openTiers(database)
    this.#monitor = this.#openMonitor(database, () => this.#work?.relays() ?? [])
    this.#endings.add(() => this.#monitor?.stop())
    const work = startKeepersWork({
      source: this.#room.source,
      isKeeper: () => this.#room.isKeeper,
      alerts: () => this.#alerts,
      openMonitor: (relays) => (this.#publishes ? this.#openMonitor(database, relays) : undefined),
      logger,
    })
    this.#work = work
    this.#endings.add(() => work.stop())
    await this.#openAlerts(database)
  }

  #openTiers({ db }: Database): void {
    const { config, logger } = this.#deps
    const ledger = this.#office().ledger()
    if (ledger === undefined) throw new AppError('INTERNAL', 'The tiers are opened before the ledger.')
    const tiers = openApiTiers({
      db,
      ledger,
      clock: systemClock,
      logger,
      settings: { tiers: config().observatory.api.tiers.map(tierOf) },
    })
    tiers.start()
    this.#tiers = tiers
    this.#endings.add(() => tiers.stop())
    if (!config().process.roles.includes('jobs')) return
    const charge = (): void =>
      void tiers
        .charge(monthOf(systemClock.nowSeconds()))
        .catch((err: unknown) => logger.warn({ err }, 'observatory.tiers_not_charged'))
    charge()
    const charging = setInterval(charge, CHARGE_INTERVAL_MS)
    charging.unref()
    this.#endings.add(() => clearInterval(charging))
  }

  async #openAlerts({ db }: Database): Promise<void> {
    const { config, logger, dataDir, keyring, relaySigner, unit } = this.#deps
    const office = this.#office()
    const jobs = await this.#untilThere(() => office.jobs())
    if (jobs === undefined) return
    const { smtpUrl, mailFrom } = config().accounts
    const mailer = createMailer({ smtpUrl, from: mailFrom, dataDir, clock: systemClock })
    this.#endings.add(() => mailer.close())
    const alerts = await openAlerts({
      db,
      jobs,
      clock: systemClock,
      logger,
      secrets: await ownSecret(keyring, relaySigner),
      sends: config().process.roles.includes('jobs'),
      sendMail: (mail) => mailer.send(mail),
      emailOf: async (pubkey) => office.people()?.accounts.emailOf(pubkey),
      sendDirectMessage: await alertMessages({ keyring, signer: relaySigner, unit }),
      fetching: { allowsPrivateAddresses: config().observatory.allowPrivate },
    })
    this.#alerts = alerts
    this.#endings.add(() => {
      this.#alerts = undefined
      return alerts.stop()
    })
  }

  /** Undefined when this stops first. */
  async #untilThere<T>(look: () => T | undefined): Promise<T | undefined> {
    while (!this.#stopping.signal.aborted) {
      const found = look()
      if (found !== undefined) return found
      await delay(LOOK_MS, undefined, { ref: false })
    }
    return undefined
  }

  get #publishes(): boolean {
    const { watch, monitor } = this.#deps.config().observatory
    return watch === 'network' && monitor.publishes
  }

  #openMonitor({ db }: Database, relays: () => readonly MonitoredRelay[]): Monitor {
    const { config, relaySigner, unit } = this.#deps
    return openMonitor({
      reports: relays,
      publish: async (template) => {
        await publishEvent(unit(), await finalizeEvent(template, relaySigner))
      },
      clock: systemClock,
      settings: {
        frequencySeconds: config().observatory.monitor.frequencySeconds,
        maxPerMinute: MAX_PUBLISHED_PER_MINUTE,
      },
      db,
      pubkey: relaySigner.publicKey,
    })
  }

  #openFeed(policies: MainPolicies): Feed {
    const { config, unit, verifier, relaySigner, logger } = this.#deps
    const { publicUrl } = config().relay
    const intake = createIntake({
      store: unit().store,
      clock: systemClock,
      verifyBatch: (events) => events.map(({ id, pubkey, sig }) => verifier.verify(id, pubkey, sig)),
      policies: policies.write,
      hold: async (event, why) => this.#office().host.hold(event, why),
      publish: (event, json, seq) => unit().publish(new LiveEvent(event, json, seq)),
      self: relaySigner.publicKey,
      relayUrls: publicUrl === '' ? [] : [publicUrl],
    })
    return startFeed(intake, logger)
  }

  #hear(events: readonly NostrEvent[]): void {
    this.#feed?.offer(events)
    const monitor = this.#monitor
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
    const { relay, log } = config()
    const address = `ws://127.0.0.1:${unit().port}`
    const own = { url: relay.publicUrl === '' ? address : relay.publicUrl, address }
    return { options: await watchOptions(config(), { databaseUrl, processId, own }), log }
  }

  #office(): Office {
    const office = this.#deps.office()
    if (office === undefined) throw new AppError('INTERNAL', 'The observatory is opened before the office.')
    return office
  }

  /** Whoever asks for alerts, by the key that was proved first. */
  #identify(): (request: FastifyRequest) => Promise<Outcome<AlertCaller, Refusal>> {
    const { config, office, verifier, shared } = this.#deps
    const identify = createIdentify({
      knownAs: () => ({ publicUrl: config().relay.publicUrl, otherUrls: [] }),
      credentials: () => office()?.people()?.accounts,
      verifier,
      claimOnce: shared.claimAuthEvent,
      clock: systemClock,
    })
    return async (request) => {
      const found = await identify(request)
      if (!found.ok) return found
      const { principal, claim } = found.value
      const [pubkey] = principal.pubkeys
      if (pubkey === undefined)
        return refused({ code: 'NOT_ALLOWED', text: 'link a Nostr key to your account first' })
      if (request.method !== 'GET' && !(await claim()))
        return refused({ code: 'UNAUTHORIZED', text: 'this authorization was used before; sign a new one' })
      return accepted({ pubkey, isOperator: principal.roles.some((role) => OPERATORS.has(role)) })
    }
  }

  #apiDeps(): ObservatoryApiDeps {
    const { config, office, unit, shared, logger } = this.#deps
    const { source } = this.#room
    const recommendations = openRecommendations({
      find: (filter) => findEvents(unit(), filter),
      source,
      clock: systemClock,
    })
    const database = () => office()?.database()
    return {
      source,
      records: () => {
        const ready = database()
        const monitor = this.#monitor
        return ready === undefined || monitor === undefined ? undefined : recordsReader(ready.db, monitor)
      },
      exportHistory: async (query) => exportHistory(requireReady(database()).db, query),
      recommend: (pubkey) => recommendations.recommend(pubkey),
      spamScore: (text) => {
        const probability = spamProbability(text)
        return {
          probability,
          isSpam: probability >= SURELY_SPAM,
          signs: explainSpam(text).map(({ feature }) => feature),
        }
      },
      keys: () => office()?.people()?.accounts,
      tiers: () => this.#tiers,
      rates: shared.bus,
      brand: () => brandOf(config()),
      clock: systemClock,
      addressOf: addressReader(config()),
      health: async () => ({
        database: (await database()?.health())?.status === 'ok' ? 'ok' : 'failed',
        redis: redisState(shared),
      }),
      logger,
      version: packageJson.version,
    }
  }
}

/** Known to whoever has the relay's key, and to nobody else: what that key agrees on with itself. */
async function ownSecret(keyring: Pick<Keyring, 'agreementFor'>, { publicKey }: Signer): Promise<SecretBox> {
  const agreement = await keyring.agreementFor('relay')
  return createSecretBox(hash('sha256', await agreement.sharedSecretWith(publicKey), 'buffer'))
}

/** `plus: requests=10000 msat=5000000`; the configuration has checked the form. */
function tierOf(text: string): Tier {
  const [, name = '', requests = '0', msat = '0'] = /^([^:]+): requests=(\d+) msat=(\d+)$/.exec(text) ?? []
  return { name, requestsPer15Min: Number(requests), priceMsatPerMonth: BigInt(msat) }
}

function brandOf({ observatory, relay }: Config): BrandBody {
  const { name, tagline, accent, accentDark, logo, domain } = observatory.brand
  return {
    name: name === '' ? relay.name : name,
    tagline,
    accent,
    accent_dark: accentDark,
    logo,
    domain,
    watch: observatory.watch,
  }
}

function redisState({ bus }: Shared): ServiceState {
  const { kind, state } = bus.status()
  if (kind === 'memory') return 'off'
  return state === 'ok' ? 'ok' : 'failed'
}

function requireReady(database: Database | undefined): Database {
  if (database === undefined) throw new AppError('DATABASE_UNREACHABLE', 'The database is not ready yet.')
  return database
}
