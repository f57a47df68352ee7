import { accepted } from '../kernel/index.ts'
import type { UnverifiedHttpAuth } from '../nostr/index.ts'
import { PASSWORD_TRIES, takeAttempt } from './attempts.ts'
import type { AccountsContext } from './context.ts'
import { parseEmailAddress } from './email-address.ts'
import { type HttpAuthDeps, provenKey } from './http-auth.ts'
import { type Owner, type Principal, standingOf } from './principal.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { issueTokens, type SessionTokens, startSession } from './sessions/sessions.ts'
import type { Credentials } from './sign-up.ts'

/** Signs in by password. A wrong password, an unknown address and one that is not confirmed yet are answered alike. */
export async function signIn(
  context: AccountsContext,
  { email, password, from }: Credentials,
): Promise<AccountOutcome<SessionTokens>> {
  const address = parseEmailAddress(email)
  if (!address.ok) return refuseSignIn()
  const allowed = await takeAttempt(context.bus, PASSWORD_TRIES, {
    what: 'password',
    email: address.value,
    from,
  })
  if (!allowed.ok) return allowed
  const account = await context.db
    .selectFrom('accounts')
    .select(['id', 'password_hash'])
    .where('email', '=', address.value)
    .executeTakeFirst()
  const isRight = await context.passwords.verify(password, account?.password_hash)
  if (!isRight.ok) return isRight
  if (account === undefined || !isRight.value) return refuseSignIn()
  return startSessionIfUnchanged(context, account)
}

async function startSessionIfUnchanged(
  context: AccountsContext,
  { id, password_hash }: { readonly id: string; readonly password_hash: string },
): Promise<AccountOutcome<SessionTokens>> {
  const written = await context.db.transaction().execute(async (tx) => {
    // While the password was compared, it may have been reset: then all sessions were ended, and this one would be new.
    const same = await tx
      .selectFrom('accounts')
      .select('id')
      .where('id', '=', id)
      .where('password_hash', '=', password_hash)
      .forShare()
      .executeTakeFirst()
    return same === undefined ? undefined : startSession(tx, context, { accountId: id })
  })
  return written === undefined ? refuseSignIn() : accepted(await issueTokens(context, written))
}

/** Signs in by a NIP-98 event that was read and compared with its request already. */
export async function signInByHttpAuth(
  context: AccountsContext & HttpAuthDeps,
  auth: UnverifiedHttpAuth,
): Promise<AccountOutcome<SessionTokens>> {
  const pubkey = await provenKey(context, auth)
  if (!pubkey.ok) return pubkey
  const owner = await ownerOfKey(context, pubkey.value)
  const written = await context.db.transaction().execute((tx) => startSession(tx, context, owner))
  return accepted(await issueTokens(context, written))
}

/** Lets one request in by its own NIP-98 event, without a session. */
export async function checkHttpAuth(
  context: AccountsContext & HttpAuthDeps,
  auth: UnverifiedHttpAuth,
): Promise<AccountOutcome<Principal>> {
  const pubkey = await provenKey(context, auth)
  if (!pubkey.ok) return pubkey
  // The key alone, not the account that it is linked to: it proves itself, and no other key of that account.
  return accepted({ via: 'http-auth', ...(await standingOf(context.db, { pubkey: pubkey.value })) })
}

/** A key that is linked to an account signs in to that account. */
async function ownerOfKey({ db }: AccountsContext, pubkey: string): Promise<Owner> {
  const linked = await db
    .selectFrom('account_keys')
    .select('account_id')
    .where('pubkey', '=', pubkey)
    .executeTakeFirst()
  return linked === undefined ? { pubkey } : { pubkey, accountId: linked.account_id }
}

function refuseSignIn() {
  return refuse(
    'SIGN_IN_REFUSED',
    'the address or the password is wrong, or the address is not confirmed yet',
  )
}
