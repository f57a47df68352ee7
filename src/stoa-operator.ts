/** What the console can do, made of the parts that do it. */
import packageJson from '../package.json' with { type: 'json' }
import { type AuditRecord, verifyAuditChain } from './audit/index.ts'
import type { Backups } from './backup/index.ts'
import type {
  Actor,
  BackupsDesk,
  ConsoleStatus,
  MirrorFacts,
  MirrorsDesk,
  Operator,
  SettingsDesk,
} from './console/index.ts'
import { accepted, type Outcome, type Refusal, refused, systemClock } from './kernel/index.ts'
import { DEFAULT_MIRROR, type MirrorStatus, type Mirrors } from './mirrors/index.ts'
import { normalizeRelayUrl } from './nostr/index.ts'
import type { ComponentHealth } from './platform/index.ts'
import { type ConnectionFacts, isAuthLevel } from './relay/index.ts'
import type { RegisteredConnection } from './relay/registry/index.ts'
import type { Office } from './stoa-office.ts'
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
  /** Undefined where this process does not have the role `jobs`. */
  readonly services: () => Services | undefined
  readonly health: () => Promise<Readonly<Record<string, ComponentHealth>>>
}

/** Connections of one page when all processes are asked. */
const REGISTRY_PAGE = 500
/** Connections that are shown at most. */
const MAX_SHOWN = 100_000

export function createOperator({ office, unit, shared, settings, services, health }: OperatorDeps): Operator {
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
    mirrors: () => mirrorsDesk(office, services()?.mirrors),
    backups: () => backupsDesk(office, services()?.backups),
    status: () => ({ status: () => statusOf(unit(), startedAtSeconds, health) }),
    audit: () => {
      const audit = office()?.audit()
      const database = office()?.database()
      if (audit === undefined || database === undefined) return undefined
      return {
        list: (query) => audit.list(query),
        verify: async () => {
          const chain = await verifyAuditChain(database.db)
          if (chain.ok) return chain
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

/** Who did what to which part of the program, in the audit log, when it was done. */
async function writeDown(
  office: Office | undefined,
  entry: AuditRecord,
): Promise<Outcome<undefined, Refusal>> {
  const database = office?.database()
  const audit = office?.audit()
  if (database === undefined || audit === undefined) return NOT_READY
  await database.db.transaction().execute(async (tx) => void (await audit.record(tx, entry)))
  return accepted(undefined)
}

function mirrorsDesk(office: OperatorDeps['office'], mirrors: Mirrors | undefined): MirrorsDesk | undefined {
  if (mirrors === undefined) return undefined
  /** Written down first: what cannot be is not done. */
  const change = async <T>(
    by: Actor,
    action: string,
    subject: string,
    act: () => Promise<Outcome<T, string>>,
  ): Promise<Outcome<T, Refusal>> => {
    const written = await writeDown(office(), { ...by, action: `mirror.${action}`, subject })
    if (!written.ok) return written
    const done = await act()
    return done.ok ? done : refused({ code: 'INVALID', text: done.refusal })
  }
  return {
    list: async () => mirrors.list().map(mirrorFacts),
    add: async ({ url, direction, filters }, by) => {
      // An address may hold a password; its host names it well enough.
      const added = await change(by, 'added', normalizeRelayUrl(url) ?? 'unknown', () =>
        mirrors.add({ ...DEFAULT_MIRROR, url, direction, filters: filters.map((filter) => ({ ...filter })) }),
      )
      return added.ok ? accepted({ id: added.value.name }) : added
    },
    remove: (id, by) => change(by, 'removed', id, () => mirrors.remove(id)),
    pause: (id, by) => change(by, 'paused', id, () => mirrors.pause(id)),
    resume: (id, by) => change(by, 'resumed', id, () => mirrors.resume(id)),
  }
}

function mirrorFacts({ name, settings, phase, isConfigured, totals, ...rest }: MirrorStatus): MirrorFacts {
  const { direction } = settings
  const numbers = Object.entries(totals).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  )
  return {
    id: name,
    url: name,
    direction,
    isPaused: phase === 'paused',
    state: phase,
    facts: {
      isConfigured,
      sinceSeconds: rest.sinceSeconds,
      openGaps: rest.openGaps,
      overflowed: rest.overflowed,
      lastError: rest.lastError ?? '',
      ...Object.fromEntries(numbers),
    },
  }
}

function backupsDesk(office: OperatorDeps['office'], backups: Backups | undefined): BackupsDesk | undefined {
  if (backups === undefined) return undefined
  return {
    list: async () =>
      (await backups.list()).map(({ name, createdAtMs, bytes, events }) => ({
        name,
        atSeconds: Math.floor(createdAtMs / 1_000),
        bytes,
        events,
      })),
    start: async (by) => {
      if (backups.stats().isRunning) return refused({ code: 'BUSY', text: 'a backup is under way' })
      const written = await writeDown(office(), { ...by, action: 'backup.started', subject: 'all' })
      if (!written.ok) return written
      const made = await backups.backUpNow()
      return made.ok ? accepted({ name: made.value.name }) : made
    },
  }
}

const NOT_READY = refused({
  code: 'UNAVAILABLE',
  text: 'the database is not ready yet, try again in a moment',
})
