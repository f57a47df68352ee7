import type { Kysely } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import { type GrantedLevel, isAuthLevel } from '../../relay/index.ts'
import type { AccessListName } from '../tables.ts'

/** One entry of a list, as people are shown it. */
export interface ListedEntry {
  readonly subject: string
  readonly reason: string
  /** Only in the list `level`. */
  readonly level?: GrantedLevel
  readonly addedBy: string
  readonly addedAtSeconds: number
}

export interface EntryPage {
  /** From 1 to 10,000. Default 1,000. */
  readonly limit?: number
  /** The last subject of the page before. */
  readonly after?: string
}

const DEFAULT_PAGE = 1_000
const MAX_PAGE = 10_000

export async function listEntries(
  db: Kysely<Tables>,
  list: AccessListName,
  { limit = DEFAULT_PAGE, after }: EntryPage,
): Promise<readonly ListedEntry[]> {
  const rows = await db
    .selectFrom('moderation_access')
    .selectAll()
    .where('list', '=', list)
    .$if(after !== undefined, (rest) => rest.where('subject', '>', after ?? ''))
    .orderBy('subject')
    .limit(Math.min(Math.max(limit, 1), MAX_PAGE))
    .execute()
  return rows.map(({ subject, reason, level, expires_at, added_by, added_at }) => ({
    subject,
    reason,
    ...(isAuthLevel(level) && {
      level: expires_at === null ? { level } : { level, expiresAtSeconds: Number(expires_at) },
    }),
    addedBy: added_by,
    addedAtSeconds: Number(added_at),
  }))
}
