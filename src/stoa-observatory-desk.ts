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
import {
  authorize,
  createIdentify,
  type ObservatoryDesk as OperatorDesk,
  type Principal,
} from './console/index.ts'
import { AppError, accepted, type Outcome, type Refusal, refused, systemClock } from './kernel/index.ts'
import { createIntake } from './mirrors/index.ts'
import { finalizeEvent, type NostrEvent, RELAY_DISCOVERY_KIND } from './nostr/index.ts'
import {
  type AlertCaller,
  type Alerts,
  addAlertRoutes,
  alertFigures,
  alertPaths,
  openAlerts,
} from './observatory/alerts/index.ts'
import {
  type ApiPaths,
  type ApiTiers,
  addSubscriptionRoutes,
  type BrandBody,
  createLiveHub,
  createLiveSocket,
  type LiveHub,
  type LiveSocket,
  monthOf,
  type ObservatoryApiDeps,
  observatoryPaths,
  openApiTiers,
  registerObservatory,
  type ServiceState,
  type SubscriptionCaller,
  subscriptionPaths,
  type Tier,
  tierFigures,
} from './observatory/api/index.ts'
import { exportHistory } from './observatory/export/index.ts'
import type { ObservatoryFigures } from './observatory/index.ts'
import { type Monitor, type MonitoredRelay, openMonitor } from './observatory/monitor/index.ts'
import { openRecommendations } from './observatory/recommendations/index.ts'
import { readStanding } from './observatory/records/index.ts'
import { addSite } from './observatory/site/index.ts'
import type { Database } from './platform/database/index.ts'
import type { ComponentHealth, Logger, SignatureVerifier, UpgradeHandler } from './platform/index.ts'
import { LiveEvent } from './relay/index.ts'
import { createSecretBox, type Keyring, type SecretBox, type Signer } from './signer/index.ts'
import { explainSpam, SURELY_SPAM, spamProbability } from './spam/index.ts'
import { addressReader } from './stoa-client-address.ts'
import { Endings, whenAborted } from './stoa-endings.ts'
import { ObservatoryRoom, type ObservatoryThreadData } from './stoa-observatory.ts'
import { type Feed, startFeed } from './stoa-observatory-feed.ts'
import { type KeepersWork, startKeepersWork } from './stoa-observatory-figures.ts'
import { alertMessages } from './stoa-observatory-messages.ts'
import { observatoryOperator } from './stoa-observatory-operator.ts'
import { type OwnRelay, watchOptions } from './stoa-observatory-options.ts'
import { recordsReader } from './stoa-observatory-records.ts'
import type { Office } from './stoa-office.ts'
import { findEvents, publishEvent } from './stoa-publish.ts'
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

/** Relays published in a minute, at most. */
const MAX_PUBLISHED_PER_MINUTE = 120
const CHARGE_INTERVAL_MS = 3_600_000
/** Between two tries to open what needs the database. */
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000
/** How often it is looked whether the job runner has come up. */
const LOOK_MS = 500

export class ObservatoryDesk {
  readonly #deps: ObservatoryDeskDeps
  readonly #room: ObservatoryRoom
  readonly #endings = new Endings()
  readonly #stopping = new AbortController()
  #live: LiveSocket | undefined
  #hub: LiveHub | undefined
  readonly #answers = { answered: 0, unchanged: 0, refused: 0, limited: 0, failed: 0 }
  #feed: Feed | undefined
  #alerts: Alerts | undefined
  #tiers: ApiTiers | undefined
  /** Takes in what other monitors say; it does not publish. */
  #monitor: Monitor | undefined
  #work: KeepersWork | undefined
  /** Tiers, monitor or alerts could not be opened when it was tried last. */
  #hasFailed = false

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
    const health = this.#room.health()
    return this.#hasFailed ? { ...health, status: 'degraded', hasAlertsAndTiers: false } : health
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
      answers: () => this.#answers,
    }
  }

  /** For operators. */
  operatorDesk(): OperatorDesk {
    const { config, office } = this.#deps
    return observatoryOperator({
      config,
      office,
      room: this.#room,
      alerts: () => this.#alerts,
      tiers: () => this.#tiers,
    })
  }

  /** Of the API, for its documentation. */
  paths(): ApiPaths {
    return { ...observatoryPaths(), ...alertPaths(), ...subscriptionPaths() }
  }

  /** The page, the API and alerts. */
  async addRoutes(app: FastifyInstance): Promise<void> {
    const deps = this.#apiDeps()
    const live = createLiveHub(deps)
    this.#hub = live
    const socket = createLiveSocket({ ...deps, live })
    this.#live = socket
    this.#endings.add(() => socket.close())
    await registerObservatory(app, { ...deps, live })
    await app.register(async (scope) =>
      addAlertRoutes(scope, {
        alerts: () => this.#alerts,
        identify: this.#identify(),
        addressOf: deps.addressOf,
      }),
    )
    await addSubscriptionRoutes(app, {
      tiers: () => this.#tiers,
      findKey: (id) => this.#findKey(id),
      identify: this.#identifyOwner(),
      addressOf: deps.addressOf,
    })
    await addSite(app)
  }

  /** Begins, when the office serves; returns at once. */
  start(policies: MainPolicies): void {
    const { config } = this.#deps
    if (config().observatory.feedRelay && this.#collects) this.#feed = this.#openFeed(policies)
    this.#room.start()
    this.#endings.add(() => this.#room.stop())
    const opening = this.#openWithPatience()
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

  /** Until it is open, or this stops: what a moment's fault has kept from opening is not missing until a restart. */
  async #openWithPatience(): Promise<void> {
    const { signal } = this.#stopping
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        await this.#open()
        this.#hasFailed = false
        return
      } catch (err) {
        if (signal.aborted) return
        this.#hasFailed = true
        this.#deps.logger.error({ err, nextTryMs: pauseMs }, 'observatory.open_failed')
      }
      // Aborting is how `stop` ends the pause.
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** What needs the database, and then what needs the job runner; what is open already stays so. */
  async #open(): Promise<void> {
    const office = this.#office()
    // A database may never come up; whoever stops this does not wait for it.
    const database = await Promise.race([office.opened(), whenAborted(this.#stopping.signal)])
    if (database === undefined) return
    if (this.#tiers === undefined) this.#openTiers(database)
    if (this.#work === undefined) this.#openKeepersWork(database)
    if (this.#alerts === undefined) await this.#openAlerts(database)
  }

  #openKeepersWork(database: Database): void {
    this.#monitor = this.#openMonitor(database, () => this.#work?.relays() ?? [])
    this.#endings.add(() => this.#monitor?.stop())
    const work = startKeepersWork({
      source: this.#room.source,
      isKeeper: () => this.#room.isKeeper,
      alerts: () => this.#alerts,
      openMonitor: (relays) => (this.#publishes ? this.#openMonitor(database, relays) : undefined),
      logger: this.#deps.logger,
    })
    this.#work = work
    this.#endings.add(() => work.stop())
  }

  #openTiers({ db }: Database): void {
    const { config, logger } = this.#deps
    const office = this.#office()
    const ledger = office.ledger()
    if (ledger === undefined) throw new AppError('INTERNAL', 'The tiers are opened before the ledger.')
    const tiers = openApiTiers({
      db,
      ledger,
      clock: systemClock,
      logger,
      settings: { tiers: config().observatory.api.tiers.map(tierOf) },
      liveKeys: async (keyIds) => {
        const accounts = office.people()?.accounts
        return accounts === undefined ? new Set(keyIds) : accounts.liveApiKeys(keyIds)
      },
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
    const { log } = config()
    const own = ownRelay(config(), unit().port)
    return { options: await watchOptions(config(), { databaseUrl, processId, own }), log }
  }

  #office(): Office {
    const office = this.#deps.office()
    if (office === undefined) throw new AppError('INTERNAL', 'The observatory is opened before the office.')
    return office
  }

  /** Whoever asks for alerts, by the key that was proved first. */
  #identify(): (request: FastifyRequest) => Promise<Outcome<AlertCaller, Refusal>> {
    const identify = this.#identifyOnce()
    return async (request) => {
      const principal = await identify(request)
      if (!principal.ok) return principal
      const [pubkey] = principal.value.pubkeys
      if (pubkey === undefined)
        return refused({ code: 'NOT_ALLOWED', text: 'link a Nostr key to your account first' })
      // An API key can do no more than it was made for, whoever's it is.
      const operates = authorize(principal.value, { need: 'operate', isChange: request.method !== 'GET' })
      return accepted({ pubkey, isOperator: operates.ok })
    }
  }

  /** Whoever asks for what their API keys are subscribed to. */
  #identifyOwner(): (request: FastifyRequest) => Promise<Outcome<SubscriptionCaller, Refusal>> {
    const identify = this.#identifyOnce()
    return async (request) => {
      const principal = await identify(request)
      if (!principal.ok) return principal
      const { pubkeys, accountId, apiKey } = principal.value
      return accepted({
        pubkeys,
        ...(accountId !== undefined && { accountId }),
        ...(apiKey !== undefined && { apiKeyId: apiKey.id }),
      })
    }
  }

  /** What changes something is carried out once. */
  #identifyOnce(): (request: FastifyRequest) => Promise<Outcome<Principal, Refusal>> {
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
      if (request.method !== 'GET' && !(await claim()))
        return refused({ code: 'UNAUTHORIZED', text: 'this authorization was used before; sign a new one' })
      return accepted(principal)
    }
  }

  async #findKey(id: string) {
    const accounts = this.#deps.office()?.people()?.accounts
    const [key, live] = await Promise.all([accounts?.findApiKey(id), accounts?.liveApiKeys([id])])
    if (key === undefined) return undefined
    return { id, name: key.name, owner: key.owner, isLive: live?.has(id) === true }
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
      addressLimit: config().observatory.api.requestsPer15Minutes,
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
      onAnswered: (status) => {
        this.#answers[answerOf(status)]++
      },
    }
  }
}

/** Our own relay: here, or in another process, which is reached by its public name; undefined when that has none. */
function ownRelay({ relay, process }: Config, port: number): OwnRelay | undefined {
  const { publicUrl, host } = relay
  if (process.roles.includes('relay')) {
    const isEverywhere = host === '0.0.0.0' || host === '::'
    const name = host.includes(':') ? `[${host}]` : host
    const address = `ws://${isEverywhere ? '127.0.0.1' : name}:${port}`
    return { url: publicUrl === '' ? address : publicUrl, address }
  }
  return publicUrl === '' ? undefined : { url: publicUrl, address: publicUrl }
}

/** How an answer counts in the metrics. */
function answerOf(status: number): 'answered' | 'unchanged' | 'refused' | 'limited' | 'failed' {
  if (status === 304) return 'unchanged'
  if (status === 429) return 'limited'
  if (status >= 500) return 'failed'
  return status >= 400 ? 'refused' : 'answered'
}

async function readIfThere<T>(
  database: Database | undefined,
  read: (db: Database['db']) => Promise<T>,
): Promise<T | undefined> {
  return database === undefined ? undefined : read(database.db)
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
