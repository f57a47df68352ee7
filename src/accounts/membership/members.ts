import type { Transaction } from 'kysely'
import { accepted } from '../../kernel/index.ts'
import { isHex64 } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Actor } from '../actor.ts'
import type { Rows } from '../context.ts'
import { type AccountOutcome, refuse } from '../refusal.ts'
import { type Announcement, announce } from './announcements.ts'
import { changeMembership, type MembershipContext, type MembershipSettings } from './context.ts'

export interface CommunityMember {
  readonly pubkey: string
  readonly sinceSeconds: number
  /** Whoever made the invite, or added the member. */
  readonly invitedBy: string
  readonly inviteCode?: string
  /** Ids of community roles, in the order in which roles are shown. */
  readonly roles: readonly string[]
}

const MAX_PAGE = 1_000
/** Keys in one call: an audit entry names them all. */
const MAX_AT_ONCE = 500

export interface NewMember {
  readonly pubkey: string
  readonly invitedBy: string
  readonly inviteCode: string | null
}

/** Writes members that are none yet, and what is to be told of them. Answers with the keys that are new. */
export async function insertMembers(
  tx: Transaction<Tables>,
  {
    nowSeconds,
    announceMembers,
  }: { readonly nowSeconds: number } & Pick<MembershipSettings, 'announceMembers'>,
  members: readonly NewMember[],
): Promise<readonly string[]> {
  const inserted = await tx
    .insertInto('account_members')
    .values(
      members.map(({ pubkey, invitedBy, inviteCode }) => ({
        pubkey,
        since: BigInt(nowSeconds),
        invited_by: invitedBy,
        invite_code: inviteCode,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning('pubkey')
    .execute()
  const pubkeys = inserted.map(({ pubkey }) => pubkey)
  await announce(tx, nowSeconds, newsOf('added', pubkeys, announceMembers))
  return pubkeys
}

/** Takes members out, and answers with the keys that were members. */
export async function deleteMembers(
  tx: Transaction<Tables>,
  {
    nowSeconds,
    announceMembers,
  }: { readonly nowSeconds: number } & Pick<MembershipSettings, 'announceMembers'>,
  pubkeys: readonly string[],
): Promise<readonly string[]> {
  const deleted = await tx
    .deleteFrom('account_members')
    .where('pubkey', 'in', pubkeys)
    .returning('pubkey')
    .execute()
  const gone = deleted.map(({ pubkey }) => pubkey)
  await announce(tx, nowSeconds, newsOf('removed', gone, announceMembers))
  return gone
}

function newsOf(
  what: 'added' | 'removed',
  pubkeys: readonly string[],
  announceMembers: boolean,
): readonly Announcement[] {
  if (pubkeys.length === 0) return []
  return [...(announceMembers ? pubkeys.map((pubkey) => ({ what, pubkey })) : []), { what: 'list' }]
}

export async function isMember(rows: Rows, pubkey: string): Promise<boolean> {
  const row = await rows
    .selectFrom('account_members')
    .select('pubkey')
    .where('pubkey', '=', pubkey)
    .executeTakeFirst()
  return row !== undefined
}

export async function countMembers(rows: Rows): Promise<number> {
  const { count } = await rows
    .selectFrom('account_members')
    .select((row) => row.fn.countAll<bigint>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** By an operator. Those who are members already stay as they are; the answer are the keys that are new. */
export async function addMembers(
  context: MembershipContext,
  pubkeys: readonly string[],
  by: Actor,
): Promise<AccountOutcome<readonly string[]>> {
  const refusal = checkKeys(pubkeys)
  if (refusal !== undefined) return refusal
  const { db, clock, settings } = context
  const { maxMembers, announceMembers } = settings()
  const members = [...new Set(pubkeys)].map((pubkey) => ({ pubkey, invitedBy: by.actor, inviteCode: null }))
  const added = await changeMembership(db, async (tx) => {
    if ((await countMembers(tx)) + members.length > maxMembers) return undefined
    const inserted = await insertMembers(tx, { nowSeconds: clock.nowSeconds(), announceMembers }, members)
    if (inserted.length > 0)
      await auditKeys(context, tx, { ...by, action: 'accounts.members_added' }, inserted)
    return inserted
  })
  if (added === undefined) {
    return refuse('LIMIT_REACHED', `there may be ${maxMembers} members (accounts.maxMembers)`)
  }
  await tellOf(context, added)
  return accepted(added)
}

/** By an operator; the answer are the keys that were members. */
export async function removeMembers(
  context: MembershipContext,
  pubkeys: readonly string[],
  by: Actor,
): Promise<AccountOutcome<readonly string[]>> {
  const refusal = checkKeys(pubkeys)
  if (refusal !== undefined) return refusal
  const { db, clock, settings } = context
  const { announceMembers } = settings()
  const removed = await changeMembership(db, async (tx) => {
    const gone = await deleteMembers(tx, { nowSeconds: clock.nowSeconds(), announceMembers }, pubkeys)
    if (gone.length > 0) await auditKeys(context, tx, { ...by, action: 'accounts.members_removed' }, gone)
    return gone
  })
  await tellOf(context, removed)
  return accepted(removed)
}

/** The relay at once, the world soon. */
export async function tellOf(
  { levels, announcer }: Pick<MembershipContext, 'levels' | 'announcer'>,
  pubkeys: readonly string[],
): Promise<void> {
  if (pubkeys.length === 0) return
  announcer.kick()
  await levels.changed(pubkeys)
}

async function auditKeys(
  { audit }: MembershipContext,
  tx: Transaction<Tables>,
  entry: Actor & { readonly action: string },
  pubkeys: readonly string[],
): Promise<void> {
  const [only] = pubkeys
  const subject = pubkeys.length === 1 && only !== undefined ? only : `${pubkeys.length} keys`
  const isAdded = entry.action.endsWith('added')
  await audit.record(tx, {
    ...entry,
    subject,
    ...(isAdded ? { after: { pubkeys } } : { before: { pubkeys } }),
  })
}

/** In the order of their keys, at most 1,000, from behind a key on. */
export async function listMembers(
  rows: Rows,
  { afterPubkey = '', limit = MAX_PAGE }: { readonly afterPubkey?: string; readonly limit?: number } = {},
): Promise<readonly CommunityMember[]> {
  const found = await rows
    .selectFrom('account_members')
    .selectAll()
    .where('pubkey', '>', afterPubkey)
    .orderBy('pubkey')
    .limit(Math.min(Math.max(limit, 1), MAX_PAGE))
    .execute()
  const roles = await rolesByMember(
    rows,
    found.map(({ pubkey }) => pubkey),
  )
  return found.map(({ pubkey, since, invited_by, invite_code }) => ({
    pubkey,
    sinceSeconds: Number(since),
    invitedBy: invited_by,
    ...(invite_code !== null && { inviteCode: invite_code }),
    roles: roles.get(pubkey) ?? [],
  }))
}

/** Ids of roles by key, of these members or of all, in the order in which roles are shown. */
export async function rolesByMember(
  rows: Rows,
  pubkeys?: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const roles = new Map<string, string[]>()
  if (pubkeys?.length === 0) return roles
  const found = await rows
    .selectFrom('account_member_roles as given')
    .innerJoin('account_community_roles as role', 'role.id', 'given.role_id')
    .select(['given.pubkey', 'role.id'])
    .$if(pubkeys !== undefined, (rest) => rest.where('given.pubkey', 'in', pubkeys ?? []))
    .orderBy('role.sort_order', (order) => order.asc().nullsLast())
    .orderBy('role.id')
    .execute()
  for (const { pubkey, id } of found) {
    const known = roles.get(pubkey)
    if (known === undefined) roles.set(pubkey, [id])
    else known.push(id)
  }
  return roles
}

function checkKeys(pubkeys: readonly string[]) {
  if (pubkeys.length < 1 || pubkeys.length > MAX_AT_ONCE) {
    return refuse('INVALID', `1 to ${MAX_AT_ONCE} public keys can be given at once`)
  }
  if (!pubkeys.every(isHex64)) return refuse('INVALID', 'a public key has 64 lowercase hex characters')
  return undefined
}
