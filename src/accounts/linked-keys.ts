import { sql } from 'kysely'
import { accepted } from '../kernel/index.ts'
import type { UnverifiedHttpAuth } from '../nostr/index.ts'
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

/** Links a key to an account by a signature of the key. A key has one account at most; to link it again is no mistake. */
export async function linkKey(
  context: AccountsContext & HttpAuthDeps,
  { accountId, auth }: LinkKey,
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
    if (count >= BigInt(MAX_KEYS)) return refuse('LIMIT_REACHED', `an account has ${MAX_KEYS} keys at most`)
    await tx
      .insertInto('account_keys')
      .values({ pubkey, account_id: accountId, linked_at: nowOf(context.clock) })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const { account_id } = await tx
      .selectFrom('account_keys')
      .select('account_id')
      .where('pubkey', '=', pubkey)
      .executeTakeFirstOrThrow()
    if (account_id !== accountId) return refuse('KEY_TAKEN', 'this key belongs to another account')
    return accepted({ pubkey })
  })
}

/** Takes a key off an account, and ends the sessions that this key has opened: they were worth the account's rights. */
export async function unlinkKey(
  context: AccountsContext,
  { accountId, pubkey }: { readonly accountId: string; readonly pubkey: string },
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
    return accepted(undefined)
  })
}
