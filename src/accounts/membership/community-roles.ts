import { accepted } from '../../kernel/index.ts'
import type { Role } from '../../nostr/index.ts'
import type { Actor } from '../actor.ts'
import type { Rows } from '../context.ts'
import { type AccountOutcome, refuse } from '../refusal.ts'
import { announce } from './announcements.ts'
import { changeMembership, type MembershipContext } from './context.ts'
import { isMember } from './members.ts'

/** A role that members can have (NIP-43, kind 33534). It says something about them; it gives no rights. */
export type CommunityRole = Role

export interface RoleAssignment {
  readonly pubkey: string
  readonly roleId: string
}

const MAX_ROLES = 100
const MAX_ROLES_OF_MEMBER = 20

/** Makes a role, or changes the one with this id. */
export async function putRole(
  { db, clock, audit, announcer }: MembershipContext,
  role: CommunityRole,
  by: Actor,
): Promise<AccountOutcome<void>> {
  const refusal = checkRole(role)
  if (refusal !== undefined) return refusal
  const written = await changeMembership(db, async (tx) => {
    const roles = await listRoles(tx)
    const before = roles.find(({ id }) => id === role.id)
    if (before === undefined && roles.length >= MAX_ROLES) return false
    const columns = {
      label: role.label ?? null,
      description: role.description ?? null,
      color: role.color ?? null,
      sort_order: role.order ?? null,
    }
    await tx
      .insertInto('account_community_roles')
      .values({ id: role.id, ...columns })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
      .execute()
    await announce(tx, clock.nowSeconds(), [{ what: 'role', roleId: role.id }])
    const change = { ...(before !== undefined && { before: { ...before } }), after: { ...role } }
    await audit.record(tx, { ...by, action: 'accounts.community_role_put', subject: role.id, ...change })
    return true
  })
  if (!written) return refuse('LIMIT_REACHED', `there may be ${MAX_ROLES} roles`)
  announcer.kick()
  return accepted(undefined)
}

/** Members who had it lose it. */
export async function removeRole(
  { db, clock, audit, announcer }: MembershipContext,
  roleId: string,
  by: Actor,
): Promise<AccountOutcome<void>> {
  const isRemoved = await changeMembership(db, async (tx) => {
    const before = (await listRoles(tx)).find(({ id }) => id === roleId)
    if (before === undefined) return false
    await tx.deleteFrom('account_community_roles').where('id', '=', roleId).execute()
    await announce(tx, clock.nowSeconds(), [{ what: 'role', roleId }, { what: 'list' }])
    const entry = { ...by, action: 'accounts.community_role_removed', subject: roleId }
    await audit.record(tx, { ...entry, before: { ...before } })
    return true
  })
  if (!isRemoved) return refuse('NOT_FOUND', 'there is no such role')
  announcer.kick()
  return accepted(undefined)
}

/** Gives a member a role; to give it again changes nothing. */
export async function assignRole(
  { db, clock, audit, announcer }: MembershipContext,
  { pubkey, roleId }: RoleAssignment,
  by: Actor,
): Promise<AccountOutcome<void>> {
  const outcome = await changeMembership(db, async (tx): Promise<AccountOutcome<void>> => {
    if (!(await isMember(tx, pubkey))) return refuse('NOT_FOUND', 'this key is no member')
    const roles = await listRoles(tx)
    if (!roles.some(({ id }) => id === roleId)) return refuse('NOT_FOUND', 'there is no such role')
    const given = await tx
      .selectFrom('account_member_roles')
      .select('role_id')
      .where('pubkey', '=', pubkey)
      .execute()
    if (given.some(({ role_id }) => role_id === roleId)) return accepted(undefined)
    if (given.length >= MAX_ROLES_OF_MEMBER) {
      return refuse('LIMIT_REACHED', `a member may have ${MAX_ROLES_OF_MEMBER} roles`)
    }
    await tx.insertInto('account_member_roles').values({ pubkey, role_id: roleId }).execute()
    await announce(tx, clock.nowSeconds(), [{ what: 'list' }])
    const entry = { ...by, action: 'accounts.community_role_assigned', subject: pubkey }
    await audit.record(tx, { ...entry, after: { roleId } })
    return accepted(undefined)
  })
  if (outcome.ok) announcer.kick()
  return outcome
}

export async function unassignRole(
  { db, clock, audit, announcer }: MembershipContext,
  { pubkey, roleId }: RoleAssignment,
  by: Actor,
): Promise<AccountOutcome<void>> {
  const isTaken = await changeMembership(db, async (tx) => {
    const { numDeletedRows } = await tx
      .deleteFrom('account_member_roles')
      .where('pubkey', '=', pubkey)
      .where('role_id', '=', roleId)
      .executeTakeFirst()
    if (numDeletedRows === 0n) return false
    await announce(tx, clock.nowSeconds(), [{ what: 'list' }])
    const entry = { ...by, action: 'accounts.community_role_unassigned', subject: pubkey }
    await audit.record(tx, { ...entry, before: { roleId } })
    return true
  })
  if (!isTaken) return refuse('NOT_FOUND', 'this member does not have this role')
  announcer.kick()
  return accepted(undefined)
}

/** In the order in which they are shown. */
export async function listRoles(rows: Rows): Promise<readonly CommunityRole[]> {
  const found = await rows
    .selectFrom('account_community_roles')
    .selectAll()
    .orderBy('sort_order', (order) => order.asc().nullsLast())
    .orderBy('id')
    .execute()
  return found.map(({ id, label, description, color, sort_order }) => ({
    id,
    ...(label !== null && { label }),
    ...(description !== null && { description }),
    ...(color !== null && { color }),
    ...(sort_order !== null && { order: sort_order }),
  }))
}

function checkRole({ id, label = '', description = '', color = 0, order = 0 }: CommunityRole) {
  if (!/^[\w.-]{1,64}$/.test(id))
    return refuse('INVALID', 'the id of a role has 1 to 64 letters, digits, _ . or -')
  if (label.length > 100 || description.length > 1_000 || !isText(label) || !isText(description)) {
    return refuse('INVALID', 'a label has 100 characters at most, a description 1000')
  }
  if (!Number.isInteger(color) || color < 0 || color > 360) {
    return refuse('INVALID', 'the color of a role is a hue of 0 to 360 degrees')
  }
  if (!Number.isInteger(order) || Math.abs(order) > 1_000_000) {
    return refuse('INVALID', 'the order of a role is an integer of at most a million')
  }
  return undefined
}

function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
