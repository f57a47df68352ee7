import type { Kysely, Selectable } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import {
  type AccessListsData,
  EMPTY_ACCESS_LISTS,
  type GrantedLevel,
  type InformationOverrides,
  isAuthLevel,
} from '../../relay/index.ts'
import type { AccessListName, ModerationAccessTable, ModerationStateTable } from '../tables.ts'

export interface VersionedLists {
  readonly version: bigint
  readonly lists: AccessListsData
}

/** Everything that was decided, as of one moment. */
export function readLists(db: Kysely<Tables>): Promise<VersionedLists> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (tx) => {
      const state = await tx.selectFrom('moderation_state').selectAll().executeTakeFirstOrThrow()
      const rows = await tx.selectFrom('moderation_access').selectAll().execute()
      return { version: state.version, lists: listsOf(state, rows) }
    })
}

export async function readVersion(db: Kysely<Tables>): Promise<bigint> {
  const { version } = await db.selectFrom('moderation_state').select('version').executeTakeFirstOrThrow()
  return version
}

type Rows = readonly Selectable<ModerationAccessTable>[]

function listsOf(state: Selectable<ModerationStateTable>, rows: Rows): AccessListsData {
  const byList = Map.groupBy(rows, ({ list }) => list)
  const of = (list: AccessListName): Rows => byList.get(list) ?? []
  return {
    ...EMPTY_ACCESS_LISTS,
    bannedPubkeys: reasonsOf(of('banned-pubkey')),
    allowedPubkeys: reasonsOf(of('allowed-pubkey')),
    bannedEvents: reasonsOf(of('banned-event')),
    allowedKinds: of('allowed-kind').map(({ subject }) => Number(subject)),
    deniedKinds: of('denied-kind').map(({ subject }) => Number(subject)),
    blockedIps: reasonsOf(of('blocked-ip')),
    shadowPubkeys: reasonsOf(of('shadow-pubkey')),
    levels: Object.fromEntries(of('level').flatMap(levelEntry)),
    unlimitedIps: of('unlimited-ip').map(({ subject }) => subject),
    maintenance: state.maintenance,
    ...(state.max_connections !== null && { maxConnections: state.max_connections }),
    information: informationOf(state),
  }
}

function reasonsOf(rows: Rows): Record<string, string> {
  return Object.fromEntries(rows.map(({ subject, reason }) => [subject, reason]))
}

function levelEntry(row: Rows[number]): readonly (readonly [string, GrantedLevel])[] {
  const { subject, level, expires_at } = row
  if (!isAuthLevel(level)) return []
  return [[subject, expires_at === null ? { level } : { level, expiresAtSeconds: Number(expires_at) }]]
}

function informationOf({ name, description, icon }: Selectable<ModerationStateTable>): InformationOverrides {
  return {
    ...(name !== null && { name }),
    ...(description !== null && { description }),
    ...(icon !== null && { icon }),
  }
}
