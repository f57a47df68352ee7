import { randomBytes } from 'node:crypto'
import type { Transaction } from 'kysely'
import { accepted } from '../../kernel/index.ts'
import { MAX_CLAIM_CHARACTERS } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Actor } from '../actor.ts'
import type { Rows } from '../context.ts'
import { type AccountOutcome, refuse } from '../refusal.ts'
import type { MembershipContext } from './context.ts'

export interface NewInvite {
  /** 8 to 256 characters; made up when absent. */
  readonly code?: string
  /** How many may join with it. */
  readonly maxUses: number
  /** Absent: it is good until it is used up or revoked. */
  readonly expiresAtSeconds?: number
}

export interface Invite {
  readonly code: string
  readonly madeBy: string
  readonly madeAtSeconds: number
  readonly maxUses: number
  readonly uses: number
  readonly expiresAtSeconds?: number
  readonly revokedAtSeconds?: number
}

const MIN_CODE_CHARACTERS = 8
const MAX_USES = 1_000_000
const MAX_LISTED = 1_000

/** 128 bits, without characters that are mistaken for others when somebody reads them out. */
export function randomCode(): string {
  return randomBytes(16).toString('hex')
}

/** By an operator. */
export async function createInvite(
  { db, clock, audit }: Pick<MembershipContext, 'db' | 'clock' | 'audit'>,
  { code = randomCode(), maxUses, expiresAtSeconds }: NewInvite,
  by: Actor,
): Promise<AccountOutcome<Invite>> {
  if (!isCode(code)) {
    return refuse(
      'INVALID',
      `a code has ${MIN_CODE_CHARACTERS} to ${MAX_CLAIM_CHARACTERS} visible characters`,
    )
  }
  if (!Number.isInteger(maxUses) || maxUses < 1 || maxUses > MAX_USES) {
    return refuse('INVALID', `an invite can be used 1 to ${MAX_USES} times`)
  }
  if (expiresAtSeconds !== undefined && !(expiresAtSeconds > clock.nowSeconds())) {
    return refuse('INVALID', 'the invite would have expired already')
  }
  const row = { code, maxUses, expiresAtSeconds, madeBy: by.actor, madeAtSeconds: clock.nowSeconds() }
  return db.transaction().execute(async (tx) => {
    if (!(await insertInvite(tx, row)))
      return refuse('NAME_TAKEN', 'there is an invite with this code already')
    // The code itself stays out of the log: who reads the log could join with it.
    const after = { maxUses, expiresAtSeconds }
    await audit.record(tx, { ...by, action: 'accounts.invite_created', subject: shortened(code), after })
    return accepted(inviteOf(row))
  })
}

interface InviteRow {
  readonly code: string
  readonly madeBy: string
  readonly madeAtSeconds: number
  readonly maxUses: number
  readonly expiresAtSeconds: number | undefined
}

/** False when there is one with this code. */
export async function insertInvite(tx: Rows, invite: InviteRow): Promise<boolean> {
  const { code, madeBy, madeAtSeconds, maxUses, expiresAtSeconds } = invite
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('account_invites')
    .values({
      code,
      made_by: madeBy,
      made_at: BigInt(madeAtSeconds),
      expires_at: expiresAtSeconds === undefined ? null : BigInt(Math.floor(expiresAtSeconds)),
      max_uses: maxUses,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** Uses a code once more, if it is good: unknown, revoked, expired and used up are all undefined. */
export async function useInvite(
  tx: Transaction<Tables>,
  code: string,
  nowSeconds: number,
): Promise<{ readonly madeBy: string } | undefined> {
  if (!isCode(code)) return undefined
  // One statement, so that of two who want the last use one finds it taken, whatever locks they hold.
  const row = await tx
    .updateTable('account_invites')
    .set((invite) => ({ uses: invite('uses', '+', 1) }))
    .where('code', '=', code)
    .where('revoked_at', 'is', null)
    .where((invite) =>
      invite.or([invite('expires_at', 'is', null), invite('expires_at', '>', BigInt(nowSeconds))]),
    )
    .whereRef('uses', '<', 'max_uses')
    .returning('made_by')
    .executeTakeFirst()
  return row === undefined ? undefined : { madeBy: row.made_by }
}

/** How many invites of this maker are still good. */
export async function countOpenInvites(rows: Rows, madeBy: string, nowSeconds: number): Promise<number> {
  const { count } = await rows
    .selectFrom('account_invites')
    .select((row) => row.fn.countAll<bigint>().as('count'))
    .where('made_by', '=', madeBy)
    .where('revoked_at', 'is', null)
    .where((invite) =>
      invite.or([invite('expires_at', 'is', null), invite('expires_at', '>', BigInt(nowSeconds))]),
    )
    .whereRef('uses', '<', 'max_uses')
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Members who came by it stay. */
export async function revokeInvite(
  { db, clock, audit }: Pick<MembershipContext, 'db' | 'clock' | 'audit'>,
  code: string,
  by: Actor,
): Promise<AccountOutcome<void>> {
  return db.transaction().execute(async (tx) => {
    const row = await tx
      .updateTable('account_invites')
      .set({ revoked_at: BigInt(clock.nowSeconds()) })
      .where('code', '=', code)
      .where('revoked_at', 'is', null)
      .returning(['uses', 'max_uses'])
      .executeTakeFirst()
    if (row === undefined) return refuse('NOT_FOUND', 'there is no such invite')
    const before = { uses: row.uses, maxUses: row.max_uses }
    await audit.record(tx, { ...by, action: 'accounts.invite_revoked', subject: shortened(code), before })
    return accepted(undefined)
  })
}

/** The newest first, at most 1,000, also those that are no good any more. */
export async function listInvites(rows: Rows, limit: number = MAX_LISTED): Promise<readonly Invite[]> {
  const found = await rows
    .selectFrom('account_invites')
    .selectAll()
    .orderBy('made_at', 'desc')
    .orderBy('code')
    .limit(Math.min(Math.max(limit, 1), MAX_LISTED))
    .execute()
  return found.map((row) => ({
    code: row.code,
    madeBy: row.made_by,
    madeAtSeconds: Number(row.made_at),
    maxUses: row.max_uses,
    uses: row.uses,
    ...(row.expires_at !== null && { expiresAtSeconds: Number(row.expires_at) }),
    ...(row.revoked_at !== null && { revokedAtSeconds: Number(row.revoked_at) }),
  }))
}

function inviteOf({ code, madeBy, madeAtSeconds, maxUses, expiresAtSeconds }: InviteRow): Invite {
  const invite = { code, madeBy, madeAtSeconds, maxUses, uses: 0 }
  return expiresAtSeconds === undefined ? invite : { ...invite, expiresAtSeconds }
}

/** Enough to find it again among the others. */
function shortened(code: string): string {
  return `${code.slice(0, 4)}…`
}

/** PostgreSQL keeps no zero character, and a lone surrogate would be found under another code. */
function isCode(code: string): boolean {
  const isLongEnough = code.length >= MIN_CODE_CHARACTERS && code.length <= MAX_CLAIM_CHARACTERS
  return isLongEnough && code.isWellFormed() && !/[\s\p{Cc}]/u.test(code)
}
