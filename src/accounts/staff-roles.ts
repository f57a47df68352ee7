import { sql } from 'kysely'
import { accepted } from '../kernel/index.ts'
import { isHex64 } from '../nostr/index.ts'
import { ADVISORY_LOCKS } from '../platform/database/index.ts'
import type { Actor } from './actor.ts'
import { type AccountsContext, nowOf, type Rows } from './context.ts'
import { type AccountOutcome, refuse } from './refusal.ts'

/** What people may be here. `member` comes with membership (NIP-43); the others are granted by key. */
export const ROLES = ['owner', 'operator', 'moderator', 'service', 'member'] as const
export type Role = (typeof ROLES)[number]
export type StaffRole = Exclude<Role, 'member'>

export interface StaffMember {
  readonly pubkey: string
  readonly role: StaffRole
  readonly grantedBy: string
  readonly grantedAtSeconds: number
}

/** Which roles whom may grant and take away; whoever is not here may none. */
const MAY_GRANT: ReadonlyMap<string, readonly StaffRole[]> = new Map([
  ['cli', ['owner', 'operator', 'moderator', 'service']],
  ['system', ['owner', 'operator', 'moderator', 'service']],
  ['owner', ['owner', 'operator', 'moderator', 'service']],
  ['operator', ['moderator', 'service']],
])

export interface RoleGrant {
  readonly pubkey: string
  readonly role: StaffRole
}

/** Repeating it changes nothing, and writes nothing into the audit log. */
export async function grantRole(
  { db, clock, audit }: Pick<AccountsContext, 'db' | 'clock' | 'audit'>,
  { pubkey, role }: RoleGrant,
  by: Actor,
): Promise<AccountOutcome<void>> {
  if (!isHex64(pubkey)) return refuse('INVALID', 'a public key has 64 lowercase hex characters')
  if (!mayGrant(by, role)) return refuse('NOT_ALLOWED', `${by.role} may not make anybody ${role}`)
  await db.transaction().execute(async (tx) => {
    const row = { pubkey, role, granted_by: by.actor, granted_at: nowOf(clock) }
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('account_staff_roles')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (numInsertedOrUpdatedRows === 0n) return
    await audit.record(tx, { ...by, action: 'accounts.role_granted', subject: pubkey, after: { role } })
  })
  return accepted(undefined)
}

/** The last owner stays, unless the command line takes that role away: somebody must be able to let others in. */
export async function revokeRole(
  { db, audit }: Pick<AccountsContext, 'db' | 'audit'>,
  { pubkey, role }: RoleGrant,
  by: Actor,
): Promise<AccountOutcome<void>> {
  if (!mayGrant(by, role))
    return refuse('NOT_ALLOWED', `${by.role} may not take the role ${role} from anybody`)
  return db.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.staff})`.execute(tx)
    if (role === 'owner' && by.role !== 'cli' && (await countOwnersBeside(tx, pubkey)) === 0) {
      return refuse('NOT_ALLOWED', 'the last owner cannot be removed; make somebody else an owner first')
    }
    const { numDeletedRows } = await tx
      .deleteFrom('account_staff_roles')
      .where('pubkey', '=', pubkey)
      .where('role', '=', role)
      .executeTakeFirst()
    if (numDeletedRows === 0n) return refuse('NOT_FOUND', `this key does not have the role ${role}`)
    await audit.record(tx, { ...by, action: 'accounts.role_revoked', subject: pubkey, before: { role } })
    return accepted(undefined)
  })
}

async function countOwnersBeside(rows: Rows, pubkey: string): Promise<number> {
  const others = await rows
    .selectFrom('account_staff_roles')
    .select('pubkey')
    .where('role', '=', 'owner')
    .where('pubkey', '<>', pubkey)
    .limit(1)
    .execute()
  return others.length
}

/** Of all these keys together, the most powerful first. */
export async function rolesOfKeys(rows: Rows, pubkeys: readonly string[]): Promise<readonly Role[]> {
  if (pubkeys.length === 0) return []
  const staff = await rows
    .selectFrom('account_staff_roles')
    .select('role')
    .where('pubkey', 'in', pubkeys)
    .execute()
  const member = await rows
    .selectFrom('account_members')
    .select('pubkey')
    .where('pubkey', 'in', pubkeys)
    .limit(1)
    .execute()
  const found = new Set<Role>(staff.map(({ role }) => role))
  if (member.length > 0) found.add('member')
  return ROLES.filter((role) => found.has(role))
}

export async function listStaff(rows: Rows): Promise<readonly StaffMember[]> {
  const found = await rows.selectFrom('account_staff_roles').selectAll().orderBy('granted_at').execute()
  return found.map(({ pubkey, role, granted_by, granted_at }) => ({
    pubkey,
    role,
    grantedBy: granted_by,
    grantedAtSeconds: Number(granted_at),
  }))
}

function mayGrant(by: Actor, role: StaffRole): boolean {
  return MAY_GRANT.get(by.role)?.includes(role) ?? false
}
