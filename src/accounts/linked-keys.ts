import { sql, type Transaction } from 'kysely'
import { accepted } from '../kernel/index.ts'
import type { UnverifiedHttpAuth } from '../nostr/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Actor } from './actor.ts'
import { type AccountsContext, nowOf } from './context.ts'
import { type HttpAuthDeps, provenKey } from './http-auth.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { endSessions } from './sessions/sessions.ts'

const MAX_KEYS = 20

export interface LinkKey {
  readonly accountId: string
  /** Signed by the key that is to be linked, for this very request. */
  readonly auth: UnverifiedHttpAuth
}

export interface LinkedKey {
  readonly pubkey: string
  readonly linkedAtSeconds: number
}

/** The keys of an account, the oldest link first. */
export async function listLinkedKeys(
  { db }: Pick<AccountsContext, 'db'>,
  accountId: string,
): Promise<readonly LinkedKey[]> {
  const rows = await db
    .selectFrom('account_keys')
    .select(['pubkey', 'linked_at'])
    .where('account_id', '=', accountId)
    .orderBy('linked_at')
    .orderBy('pubkey')
    .execute()
  return rows.map(({ pubkey, linked_at }) => ({ pubkey, linkedAtSeconds: Number(linked_at) }))
}

/** The confirmed e-mail address of the account that a key is linked to; undefined when there is none. */
export async function emailOfKey(
  { db }: Pick<AccountsContext, 'db'>,
  pubkey: string,
): Promise<string | undefined> {
  const found = await db
    .selectFrom('account_keys')
    .innerJoin('accounts', 'accounts.id', 'account_keys.account_id')
    .select('accounts.email')
    .where('account_keys.pubkey', '=', pubkey)
    .executeTakeFirst()
  return found?.email
}

/** Links a key to an account by a signature of the key. A key has one account at most; to link it again is no mistake. */
export async function linkKey(
  context: AccountsContext & HttpAuthDeps,
  { accountId, auth }: LinkKey,
  by: Actor,
): Promise<AccountOutcome<{ readonly pubkey: string }>> {
  const proven = await provenKey(context, auth)
  if (!proven.ok) return proven
  const pubkey = proven.value
  return context.db.transaction().execute(async (tx) => {
    // Locked, so that the bound holds for two requests at once.
    await sql`SELECT 1 FROM accounts WHERE id = ${accountId} FOR UPDATE`.execute(tx)
    const { count } = await tx
      .selectFrom('account_keys')
      .select((row) => row.fn.countAll<bigint>().as('count'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow()
    const owner = await ownerOfKey(tx, pubkey)
    if (count >= BigInt(MAX_KEYS) && owner === undefined)
      return refuse('LIMIT_REACHED', `an account has ${MAX_KEYS} keys at most`)
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('account_keys')
      .values({ pubkey, account_id: accountId, linked_at: nowOf(context.clock) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow()
    if ((await ownerOfKey(tx, pubkey)) !== accountId)
      return refuse('KEY_TAKEN', 'this key belongs to another account')
    if (numInsertedOrUpdatedRows === 1n) {
      await context.audit.record(tx, {
        ...by,
        action: 'accounts.key_linked',
        subject: pubkey,
        after: { accountId },
      })
    }
    return accepted({ pubkey })
  })
}

/**
 * Takes a key off an account, and ends the sessions that this key has opened: they were worth the account's rights. It
 * never takes the last way in: an account is made with an address and a password, and keeps both.
 */
export async function unlinkKey(
  context: AccountsContext,
  { accountId, pubkey }: { readonly accountId: string; readonly pubkey: string },
  by: Actor,
): Promise<AccountOutcome<void>> {
  return context.db.transaction().execute(async (tx) => {
    const { numDeletedRows } = await tx
      .deleteFrom('account_keys')
      .where('account_id', '=', accountId)
      .where('pubkey', '=', pubkey)
      .executeTakeFirst()
    if (numDeletedRows === 0n) return refuse('NOT_FOUND', 'this key is not linked to this account')
    await endSessions(tx, context, 'key-unlinked', (rows) =>
      rows.where('account_id', '=', accountId).where('pubkey', '=', pubkey),
    )
    await context.audit.record(tx, {
      ...by,
      action: 'accounts.key_unlinked',
      subject: pubkey,
      before: { accountId },
    })
    return accepted(undefined)
  })
}

/** The account that a key is linked to. */
async function ownerOfKey(tx: Transaction<Tables>, pubkey: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('account_keys')
    .select('account_id')
    .where('pubkey', '=', pubkey)
    .executeTakeFirst()
  return row?.account_id
}
