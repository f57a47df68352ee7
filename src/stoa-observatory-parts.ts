/**
 * What of the observatory needs the database: the tiers of API keys, the monitor with the keeper's work, alerts. Opened in
 * that order, as soon as what each needs is there.
 */
import type { Config } from './config/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import { finalizeEvent } from './nostr/index.ts'
import type { Alerts } from './observatory/alerts/index.ts'
import type { ApiTiers } from './observatory/api/index.ts'
import { type Monitor, openMonitor, type RelayProbe } from './observatory/monitor/index.ts'
import type { Database } from './platform/database/index.ts'
import { Endings, whenAborted } from './stoa-endings.ts'
import type { ObservatoryRoom } from './stoa-observatory.ts'
import { type AlertsDeps, startAlerts } from './stoa-observatory-alerts.ts'
import { startKeepersWork } from './stoa-observatory-figures.ts'
import { type Opening, openPatiently, pauseUnlessAborted } from './stoa-observatory-opening.ts'
import { ownRelay, relayAliases } from './stoa-observatory-options.ts'
import { startTiers } from './stoa-observatory-tiers.ts'
import type { Office } from './stoa-office.ts'
import { publishEvent } from './stoa-publish.ts'

type PartsOffice = Pick<Office, 'opened' | 'ledger' | 'people' | 'jobs'>

export interface PartsDeps extends Omit<AlertsDeps, 'config' | 'office'> {
  readonly config: () => Config
  /** Undefined before it is there; it is when this is started. */
  readonly office: () => PartsOffice | undefined
  readonly room: Pick<ObservatoryRoom, 'source' | 'isKeeper'>
}

/** Relays published in a minute, at most. */
const MAX_PUBLISHED_PER_MINUTE = 120
/** How often it is looked whether the job runner has come up. */
const LOOK_MS = 500

export class ObservatoryParts {
  readonly #deps: PartsDeps
  readonly #endings = new Endings()
  readonly #stopping = new AbortController()
  #opening: Opening | undefined
  #database: Database | undefined
  #tiers: ApiTiers | undefined
  #alerts: Alerts | undefined
  #monitor: Monitor | undefined

  constructor(deps: PartsDeps) {
    this.#deps = deps
  }

  /** Each is undefined until it is open. */
  get tiers(): ApiTiers | undefined {
    return this.#tiers
  }

  get alerts(): Alerts | undefined {
    return this.#alerts
  }

  get monitor(): Monitor | undefined {
    return this.#monitor
  }

  /** Why something is not open, in words; undefined while nothing is in the way. */
  failure(): string | undefined {
    return this.#opening?.failure()
  }

  /** Begins to open them, and returns at once. */
  start(): void {
    const { signal } = this.#stopping
    const opening = openPatiently(
      [
        // A database may never come up; whoever stops this does not wait for it.
        { name: 'the database', open: () => Promise.race([this.#waitForDatabase(), whenAborted(signal)]) },
        { name: 'tiers', open: () => this.#openTiers() },
        { name: 'monitor', open: () => this.#openMonitor() },
        { name: 'alerts', open: () => this.#openAlerts() },
      ],
      { logger: this.#deps.logger, signal },
    )
    this.#opening = opening
    this.#endings.add(() => opening.settled)
  }

  stop(): Promise<void> {
    this.#stopping.abort()
    return this.#endings.run()
  }

  async #waitForDatabase(): Promise<void> {
    this.#database = await this.#office().opened()
  }

  #openTiers(): void {
    this.#tiers = startTiers(this.#ready(), { ...this.#deps, office: this.#office() }, this.#endings)
  }

  /** The monitor knows relays by the keeper's work, which every process does that far. */
  async #openMonitor(): Promise<void> {
    const { db } = this.#ready()
    const { config, room, relaySigner, unit, logger } = this.#deps
    const probe = config().observatory.watch === 'network' ? await this.#openProbe() : undefined
    const work = startKeepersWork({
      source: room.source,
      isKeeper: () => room.isKeeper,
      alerts: () => this.#alerts,
      logger,
    })
    this.#endings.add(() => work.stop())
    const monitor = openMonitor({
      reports: work.relays,
      publish: async (template) => {
        await publishEvent(unit(), await finalizeEvent(template, relaySigner))
      },
      publishes: () => this.#publishes && work.relays().length > 0,
      clock: systemClock,
      settings: {
        frequencySeconds: config().observatory.monitor.frequencySeconds,
        maxPerMinute: MAX_PUBLISHED_PER_MINUTE,
      },
      db,
      pubkey: relaySigner.publicKey,
      ...(probe !== undefined && { probe }),
    })
    monitor.start()
    this.#monitor = monitor
    this.#endings.add(() => monitor.stop())
  }

  /** Its code, and the collector's rules, are read where relays are published: not for our own. */
  async #openProbe(): Promise<RelayProbe> {
    const { config, relaySigner, unit } = this.#deps
    const { observatoryProbe } = await import('./stoa-observatory-probe.ts')
    const own = ownRelay(config(), unit().port)
    return observatoryProbe({
      signer: relaySigner,
      allowPrivate: config().observatory.allowPrivate,
      aliases: await relayAliases(config(), own),
      own: own?.url,
      measuresWrite: config().observatory.monitor.measuresWrite,
    })
  }

  async #openAlerts(): Promise<void> {
    const office = this.#office()
    const jobs = await this.#untilThere(() => office.jobs())
    if (jobs === undefined) return
    this.#alerts = await startAlerts(this.#ready(), jobs, { ...this.#deps, office }, this.#endings)
    // Before they are stopped: nobody is to find them then.
    this.#endings.add(() => {
      this.#alerts = undefined
    })
  }

  /** Undefined when this stops first. */
  async #untilThere<T>(look: () => T | undefined): Promise<T | undefined> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const found = look()
      if (found !== undefined) return found
      await pauseUnlessAborted(LOOK_MS, signal)
    }
    return undefined
  }

  /** One process publishes for all: the one that keeps the figures. */
  get #publishes(): boolean {
    const { watch, monitor } = this.#deps.config().observatory
    return watch === 'network' && monitor.publishes && this.#deps.room.isKeeper
  }

  #office(): PartsOffice {
    const office = this.#deps.office()
    if (office === undefined) throw new AppError('INTERNAL', 'The observatory is opened before the office.')
    return office
  }

  /** Parts are opened one after the other, the database first. */
  #ready(): Database {
    if (this.#database === undefined)
      throw new AppError('INTERNAL', 'A part of the observatory is opened before the database.')
    return this.#database
  }
}
