import { type Kysely, sql, type Transaction } from 'kysely'
import type { AuditLog } from '../../audit/index.ts'
import type { Clock } from '../../kernel/index.ts'
import { ADVISORY_LOCKS, type Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Levels } from '../standing/levels.ts'
import type { Announcer } from './announcer.ts'

/** The settings of membership, in the section `accounts` of the configuration. */
export interface MembershipSettings {
  /** Who is given a fresh invite when they ask the relay for one (kind 28935). */
  readonly invitesBy: 'members' | 'staff' | 'nobody'
  /** Those invites are good for so long. */
  readonly inviteDays: number
  readonly maxMembers: number
  /** Also publish who came and who went (kinds 8000 and 8001). */
  readonly announceMembers: boolean
}

export interface MembershipContext {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly audit: Pick<AuditLog, 'record'>
  readonly levels: Pick<Levels, 'changed'>
  readonly announcer: Announcer
  readonly settings: () => MembershipSettings
  readonly logger: Logger
}

/**
 * A transaction that changes who is a member. They come one after the other, so that bounds are exact, the last use of
 * an invite goes to one, and what is announced is in the order of what happened.
 */
export function changeMembership<T>(
  db: Kysely<Tables>,
  work: (tx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.membership})`.execute(tx)
    return work(tx)
  })
}
