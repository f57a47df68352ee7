/** What the console can do, made of the parts that do it. */
import packageJson from '../package.json' with { type: 'json' }
import { publishedCheckpoints, verifyAuditChain } from './audit/index.ts'
import type {
  ConsoleStatus,
  ObservatoryDesk,
  Operator,
  SettingsDesk,
  SettlementDesk,
} from './console/index.ts'
import type { IlpNode } from './interledger/node/index.ts'
import { accepted, refused, systemClock } from './kernel/index.ts'
import type { Filter } from './nostr/index.ts'
import type { ComponentHealth } from './platform/index.ts'
import type { LeaderLine } from './platform/leadership/index.ts'
import { type ConnectionFacts, isAuthLevel } from './relay/index.ts'
import type { RegisteredConnection } from './relay/registry/index.ts'
import { NOT_READY } from './stoa-audit.ts'
import { jobsDesk } from './stoa-jobs-desk.ts'
import { backupsDesk, mirrorsDesk } from './stoa-leader.ts'
import type { Office } from './stoa-office.ts'
import { findEvents } from './stoa-publish.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { Services } from './stoa-services.ts'
import type { LiveSettings } from './stoa-settings.ts'
import type { Shared } from './stoa-shared.ts'

export interface OperatorDeps {
  /** Undefined until it has begun to serve. */
  readonly office: () => Office | undefined
  readonly unit: () => RelayUnit
  readonly shared: Shared
  readonly settings: LiveSettings
  /** Undefined while this process does not lead. */
  readonly services: () => Services | undefined
  /** To the process that leads; undefined when there is but this one. */
  readonly line: Pick<LeaderLine, 'ask'> | undefined
  /** The Interledger node, here or where it is. */
  readonly node: () => IlpNode | undefined
  /** As the node settles its debts. */
  readonly settlement: () => SettlementDesk | undefined
  /** Undefined before it is there. @throws RefusedError where there is none. */
  readonly observatory: () => ObservatoryDesk | undefined
  /** By whom the checkpoints of the audit log are. */
  readonly relayPubkey: string
  readonly health: () => Promise<Readonly<Record<string, ComponentHealth>>>
}

/** Connections of one page when all processes are asked. */
const REGISTRY_PAGE = 500
/** Connections that are shown at most. */
const MAX_SHOWN = 100_000

export function createOperator(deps: OperatorDeps): Operator {
  const {
    office,
    unit,
    shared,
    settings,
    services,
    line,
    node,
    settlement,
    observatory,
    relayPubkey,
    health,
  } = deps
  const startedAtSeconds = systemClock.nowSeconds()
  return {
    // It answers for itself that the database is not ready.
    moderation: () => office()?.moderation(),
    membership: () => office()?.people()?.membership,
    staff: () => office()?.people()?.accounts,
    trusted: () => office()?.people()?.trusted,
    subscriptions: () => office()?.people()?.subscriptions,
    names: () => office()?.people()?.names,
    connections: () => ({ list: () => listConnections(unit(), shared) }),
    settings: () => settingsDesk(office, settings),
    mirrors: () => mirrorsDesk(office(), services(), line),
    backups: () => backupsDesk(office(), services(), line),
    jobs: () => jobsDesk(office()),
    ledger: () => office()?.ledger(),
    interledger: node,
    settlement,
    observatory,
    status: () => ({ status: () => statusOf(unit(), startedAtSeconds, health) }),
    audit: () => {
      const audit = office()?.audit()
      const database = office()?.database()
      if (audit === undefined || database === undefined) return undefined
      return {
        list: (query) => audit.list(query),
        verify: async () => {
          const find = (filter: Filter) => findEvents(unit(), filter)
          const checkpoints = await publishedCheckpoints({ find, author: relayPubkey })
          const chain = await verifyAuditChain(database.db, checkpoints)
          const [newest] = checkpoints
          if (chain.ok) return newest === undefined ? chain : accepted({ ...chain.value, checkpoint: newest })
          const { number, text } = chain.refusal
          return refused({ code: 'AUDIT_DAMAGED', text: `row ${number} of the audit log: ${text}` })
        },
      }
    },
  }
}

async function statusOf(
  unit: RelayUnit,
  startedAtSeconds: number,
  health: OperatorDeps['health'],
): Promise<ConsoleStatus> {
  const { connections, subscriptions } = unit.stats()
  return {
    version: packageJson.version,
    startedAtSeconds,
    connections,
    subscriptions,
    events: unit.store.stats().events,
    health: await health(),
  }
}

/** Those of every process, as far as the registry can be asked; else those of this one. */
async function listConnections(unit: RelayUnit, shared: Shared): Promise<readonly ConnectionFacts[]> {
  if (shared.processBus === undefined) return unit.connections()
  const found: ConnectionFacts[] = []
  let cursor: string | undefined
  do {
    const page = await shared.registry.list(cursor, REGISTRY_PAGE)
    if (!page.ok) return unit.connections()
    found.push(...page.value.connections.map(factsOf))
    cursor = page.value.next
  } while (cursor !== undefined && found.length < MAX_SHOWN)
  return found
}

function factsOf(registered: RegisteredConnection): ConnectionFacts {
  const { level, subscriptions, processId: _, ...facts } = registered
  return {
    ...facts,
    level: isAuthLevel(level) ? level : 0,
    // The registry holds what this program wrote there.
    subscriptions: subscriptions.map(({ id, filtersJson }) => ({
      id,
      filters: JSON.parse(filtersJson) ?? [],
    })),
  }
}

function settingsDesk(office: OperatorDeps['office'], settings: LiveSettings): SettingsDesk {
  return {
    list: async () => settings.list(),
    change: async (change, by) => {
      const database = office()?.database()
      const audit = office()?.audit()
      if (database === undefined || audit === undefined) return NOT_READY
      return settings.change(change, async (before) => {
        await database.db.transaction().execute(async (tx) => {
          await audit.record(tx, {
            ...by,
            action: 'settings.changed',
            subject: change.key,
            before,
            after: change.value,
          })
        })
      })
    },
  }
}
