/** What the relay has still to tell the world (NIP-43): rows that are written with the fact, and go when it is told. */
import type { Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'

export type Announcement =
  | { readonly what: 'added' | 'removed'; readonly pubkey: string }
  /** The list of members (kind 13534) is not as the tables are. */
  | { readonly what: 'list' }
  /** The same of the definition of a role (kind 33534). */
  | { readonly what: 'role'; readonly roleId: string }

/** Rows in one insert: a statement has 65,535 parameters at most. */
const ROWS_AT_ONCE = 5_000

export async function announce(
  tx: Transaction<Tables>,
  nowSeconds: number,
  announcements: readonly Announcement[],
): Promise<void> {
  const rows = announcements.map((announcement) => ({
    what: announcement.what,
    subject: subjectOf(announcement),
    at: BigInt(nowSeconds),
  }))
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const some = rows.slice(start, start + ROWS_AT_ONCE)
    await tx.insertInto('account_announcements').values(some).execute()
  }
}

function subjectOf(announcement: Announcement): string {
  if (announcement.what === 'role') return announcement.roleId
  return announcement.what === 'list' ? '' : announcement.pubkey
}
