/**
 * The parts that keep what they know in the database: accounts, members, moderation, the audit log. The relay serves
 * before they are ready, with what operators had decided when it ran last.
 */
import { resolve } from 'node:path'
import { createMailer, openPeople, type People } from './accounts/index.ts'
import { type AuditLog, createAuditLog, publishCheckpoint } from './audit/index.ts'
import type { Config } from './config/index.ts'
import { systemClock } from './kernel/index.ts'
import { createLedger, type LedgerService } from './ledger/index.ts'
import { type AccessSnapshot, type Moderation, openModeration } from './moderation/index.ts'
import type { NostrEvent } from './nostr/index.ts'
import { type Database, type DatabaseService, startDatabase } from './platform/database/index.ts'
import { type ComponentHealth, createSignatureVerifier, type Logger } from './platform/index.ts'
import type { Jobs } from './platform/jobs/index.ts'
import type { HostAnswer, RelayHost } from './relay/index.ts'
import type { Signer } from './signer/index.ts'
import { whenAborted } from './stoa-endings.ts'
import { OfficeJobs } from './stoa-jobs.ts'
import { findEvents, publishEvent } from './stoa-publish.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { Shared } from './stoa-shared.ts'

export interface OfficeDeps {
  readonly config: () => Config
  readonly shared: Shared
  readonly relaySigner: Signer
  readonly accessFile: string
  readonly snapshot: AccessSnapshot
  readonly logger: Logger
}

/** What is behind the relay. */
export interface Office {
  /** What the relay may ask; until the database is ready, most of it is answered "try again later". */
  readonly host: RelayHost
  /** Undefined until it is ready. */
  database(): Database | undefined
  /** Undefined until the database is ready. */
  people(): People | undefined
  /** Undefined until the database is ready. */
  audit(): AuditLog | undefined
  /** Undefined until the job runner is up. */
  jobs(): Jobs | undefined
  /** Undefined until the database is ready. */
  ledger(): LedgerService | undefined
  /** Resolves when the database is; rejects when it never will be. @throws before `serve`. */
  databaseReady(): Promise<Database>
  /** Resolves when everything in it is open; rejects when it never will be. @throws before `serve`. */
  opened(): Promise<Database>
  /** @throws before `serve`. */
  moderation(): Moderation
  /** Starts the database and begins to work for this relay; returns at once. */
  serve(unit: RelayUnit): void
  health(): Promise<Readonly<Record<string, ComponentHealth>>>
  stop(): Promise<void>
}

/** Starts nothing before `serve`. */
export function openOffice({
  config,
  shared,
  relaySigner,
  accessFile,
  snapshot,
  logger,
}: OfficeDeps): Office {
  const dataDir = resolve(config().data.dir)
  let database: DatabaseService | undefined
  let people: People | undefined
  let audit: AuditLog | undefined
  let moderation: Moderation | undefined
  let ledger: LedgerService | undefined
  const jobs = new OfficeJobs({ logger, doesJobs: config().process.roles.includes('jobs') })
  let starting: Promise<void> = Promise.resolve()
  const stopping = new AbortController()
  let stopHearing = (): void => {}

  const startPeople = async (ready: Database, unit: RelayUnit): Promise<void> => {
    const { db } = ready
    const log = createAuditLog({ db, clock: systemClock })
    audit = log
    ledger = createLedger({ db, bus: shared.bus, clock: systemClock, logger })
    ledger.start()
    const { accounts } = config()
    const opened = openPeople({
      db,
      clock: systemClock,
      audit: log,
      bus: shared.bus,
      mailer: createMailer({
        smtpUrl: accounts.smtpUrl,
        from: accounts.mailFrom,
        dataDir,
        clock: systemClock,
      }),
      enqueueMail: (tx, job) => jobs.enqueueMail(tx, job),
      verifier: await createSignatureVerifier(config().relay.verifier),
      claimOnce: shared.claimAuthEvent,
      settings: () => config().accounts,
      logger,
      relaySigner,
      publish: async (event) => publishOwn(unit, event),
      find: (filter) => findEvents(unit, filter),
      onLevels: (changes) => moderation?.changeLevels(changes),
    })
    people = opened
    await moderation?.refresh()
    await opened.start()
    logger.info('office.open')
    jobs.start(ready, {
      accounts: opened.accounts,
      publishCheckpoint: () =>
        publishCheckpoint({
          head: () => log.head(),
          clock: systemClock,
          signer: relaySigner,
          publish: (event) => publishOwn(unit, event),
          find: (filter) => findEvents(unit, filter),
        }),
    })
  }

  return {
    database: () => database?.current(),
    people: () => people,
    audit: () => audit,
    jobs: () => jobs.current(),
    ledger: () => ledger,
    databaseReady: () => {
      if (database === undefined) throw new Error('the database is asked for before it serves a relay')
      return database.ready
    },
    opened: async () => {
      if (database === undefined) throw new Error('the office is waited for before it serves a relay')
      const ready = await database.ready
      await starting
      return ready
    },
    moderation: () => {
      if (moderation === undefined) throw new Error('moderation is asked before it serves a relay')
      return moderation
    },
    host: {
      claimAuthEvent: shared.claimAuthEvent,
      hold: async (event, why) => moderation?.held.hold(event, why) ?? NOT_READY,
      membership: async (event) => people?.membership.answer(event) ?? NOT_READY,
      invite: async (pubkeys) => people?.membership.invite(pubkeys),
    },
    serve: (unit) => {
      const service = startDatabase({ ...databaseOptions(config()), dataDir, logger })
      database = service
      const opened = openModeration({
        database: () => service.current(),
        accessFile,
        snapshot,
        relay: unit,
        bus: shared.bus,
        store: unit.store,
        publish: (event) => publishEvent(unit, event),
        levels: async () => levelsOf(people),
        configuredLevels: () => config().relay.levels,
        settings: config().moderation,
        clock: systemClock,
        logger,
      })
      moderation = opened
      stopHearing = unit.bus.subscribe((event) => opened.onStored(event), { isWanted: () => true })
      // The database may never be ready; then there is nobody to start, and whoever stops this does not wait for it.
      starting = Promise.race([service.ready, whenAborted(stopping.signal)]).then(
        (ready) => (ready === undefined ? undefined : startPeople(ready, unit)),
        () => {},
      )
      starting.catch((err: unknown) => logger.error({ err }, 'people.start_failed'))
    },
    health: async () => ({
      database: (await database?.health()) ?? { status: 'degraded', is: 'starting' },
      jobs: jobs.health(),
    }),
    stop: async () => {
      stopHearing()
      stopping.abort()
      await starting.catch(() => {})
      await jobs.stop()
      await ledger?.stop()
      await people?.stop()
      await moderation?.stop()
      await database?.stop()
    },
  }
}

/** An event of the relay's own. One that is there already is as good as stored. */
async function publishOwn(unit: RelayUnit, event: NostrEvent): Promise<HostAnswer> {
  const { status } = await publishEvent(unit, event)
  return { isAccepted: status === 'stored' || status === 'duplicate', text: status }
}

/** How the database of this configuration is opened. */
export function databaseOptions({ database }: Config) {
  return {
    url: database.url,
    poolSize: database.poolSize,
    statementTimeoutMs: database.statementTimeoutSeconds * 1_000,
    connectTimeoutMs: database.connectTimeoutSeconds * 1_000,
  }
}

/** Undefined while nobody knows: what was known last holds then. */
async function levelsOf(people: People | undefined) {
  if (people === undefined) return undefined
  const changes = await people.currentLevels()
  return Object.fromEntries(
    changes.flatMap((change) => {
      if (change.do !== 'set-level') return []
      const { pubkey, level, expiresAtSeconds } = change
      return [[pubkey, expiresAtSeconds === undefined ? { level } : { level, expiresAtSeconds }] as const]
    }),
  )
}

const NOT_READY: HostAnswer = {
  isAccepted: false,
  text: 'error: the relay is still starting, try again in a moment',
}
