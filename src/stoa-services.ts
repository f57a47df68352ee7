/** What is done once for all processes, by the one that leads: mirrors, retention, backups. */
import { resolve } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { type Backups, databaseTables, startBackups } from './backup/index.ts'
import type { Config } from './config/index.ts'
import type { EventStore } from './events/index.ts'
import { systemClock } from './kernel/index.ts'
import { createIntake, type Mirrors, type MirrorsState, openMirrors } from './mirrors/index.ts'
import type { Logger, SignatureVerifier } from './platform/index.ts'
import {
  AccessLists,
  type AccessListsData,
  createWritePolicies,
  LiveEvent,
  type RelayOrder,
  type WritePolicies,
} from './relay/index.ts'
import { type Retention, startRetention } from './retention/index.ts'
import type { Signer } from './signer/index.ts'
import type { Office } from './stoa-office.ts'
import { notifyBy, type RelayUnit, relaySettingsOf } from './stoa-relay.ts'

export interface ServicesDeps {
  readonly config: Config
  readonly configFile: string | undefined
  readonly unit: RelayUnit
  readonly office: Office | undefined
  readonly verifier: SignatureVerifier
  readonly relaySigner: Signer
  readonly policies: MainPolicies
  /** Where mirrors are remembered. */
  readonly mirrorsState: MirrorsState
  readonly logger: Logger
}

export interface Services {
  readonly mirrors: Mirrors
  readonly retention: Retention
  readonly backups: Backups
  configure(config: Config): Promise<void>
  stop(): Promise<void>
}

/** The relay's rules for what does not come from a client of its own. They hear the same orders as the relay's threads. */
export interface MainPolicies {
  readonly write: WritePolicies
  /** How many entries each access list has. */
  listSizes(): Readonly<Record<string, number>>
  obey(order: RelayOrder): void
  close(): void
}

export function createMainPolicies(
  config: Config,
  access: AccessListsData,
  store: EventStore,
  logger: Logger | undefined,
): MainPolicies {
  const lists = AccessLists.fromJSON(access)
  lists.configureLevels(config.relay.levels)
  const write = createWritePolicies(relaySettingsOf(config), {
    lists,
    store,
    clock: systemClock,
    notify: notifyBy(logger),
  })
  return {
    write,
    listSizes: () => lists.sizes(),
    obey: (order) => {
      if (order.do === 'replace-access') lists.replace(order.lists)
      else if (order.do === 'change-access') for (const change of order.changes) lists.apply(change)
      else if (order.do === 'configure') {
        write.reload(order.settings)
        lists.configureLevels(order.settings.levels)
      }
    },
    close: () => write.close(),
  }
}

/** The rules of the main thread hear what the relay's threads are told. */
export function toldTo(unit: RelayUnit, policies: MainPolicies): RelayUnit {
  return {
    ...unit,
    obey: (order) => {
      policies.obey(order)
      return unit.obey(order)
    },
  }
}

export async function startServices(deps: ServicesDeps): Promise<Services> {
  const { config, configFile, unit, office, verifier, relaySigner, policies, mirrorsState, logger } = deps
  const dataDir = resolve(config.data.dir)
  const { store } = unit
  const { publicUrl, mirrors: configured } = config.relay
  const intake = createIntake({
    store,
    clock: systemClock,
    verifyBatch: (events) => events.map(({ id, pubkey, sig }) => verifier.verify(id, pubkey, sig)),
    policies: policies.write,
    ...(office !== undefined && { hold: office.host.hold }),
    publish: (event, json, seq) => unit.publish(new LiveEvent(event, json, seq)),
    self: relaySigner.publicKey,
    relayUrls: publicUrl === '' ? [] : [publicUrl],
  })
  // Events come while they are being opened.
  let opened: Mirrors | undefined
  const mirrors = await openMirrors({
    store,
    intake,
    clock: systemClock,
    state: mirrorsState,
    configured,
    subscribe: (listener) =>
      unit.bus.subscribe((event, json) => listener(event, json), {
        isWanted: () => (opened?.list().length ?? 0) > 0,
      }),
    logger,
    signer: relaySigner,
  })
  opened = mirrors
  const retention = startRetention({
    store,
    clock: systemClock,
    logger,
    settings: config.retention,
    sweepIntervalSeconds: config.store.sweepIntervalSeconds,
  })
  const backups = startBackups({
    store,
    tables: () => {
      const database = office?.database()
      return database === undefined ? undefined : databaseTables(database.db)
    },
    dataDir,
    configFile,
    version: packageJson.version,
    clock: systemClock,
    logger,
    settings: config.backup,
  })
  return {
    mirrors,
    retention,
    backups,
    configure: async (next) => {
      await mirrors.configure(next.relay.mirrors)
      retention.configure(next.retention)
      backups.configure(next.backup)
    },
    stop: async () => {
      await mirrors.stop()
      await retention.stop()
      await backups.stop()
    },
  }
}
