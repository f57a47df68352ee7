import { accepted } from '../kernel/index.ts'
import { MAIL_REQUESTS, takeAttempt } from './attempts.ts'
import type { AccountsContext } from './context.ts'
import { parseEmailAddress } from './email-address.ts'
import { promiseMail } from './mail/promised-mails.ts'
import { useMailToken } from './mail-tokens.ts'
import { checkNewPassword } from './passwords.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { endSessions } from './sessions/sessions.ts'
import { refuseToken } from './sign-up.ts'

export interface ResetRequest {
  readonly email: string
  /** The client's IP address, for the rates. */
  readonly from: string
}

/** Promises a mail when there is such an account. The answer is the same when there is none, and given before anybody looks. */
export async function requestReset(
  context: AccountsContext,
  { email, from }: ResetRequest,
): Promise<AccountOutcome<void>> {
  const address = parseEmailAddress(email)
  if (!address.ok) return address
  const allowed = await takeAttempt(context.bus, MAIL_REQUESTS, { what: 'reset', email: address.value, from })
  if (!allowed.ok) return allowed
  const isBegun = context.background.run('reset', () => promiseReset(context, address.value))
  return isBegun ? accepted(undefined) : refuse('BUSY', 'too many mails are being written, try again later')
}

async function promiseReset(context: AccountsContext, email: string): Promise<void> {
  const { db } = context
  const account = await db.selectFrom('accounts').select('id').where('email', '=', email).executeTakeFirst()
  if (account === undefined) return
  const mail = { what: 'reset', email, accountId: account.id } as const
  await db.transaction().execute((tx) => promiseMail(tx, context, mail))
}

/** Sets the password, ends all sessions of the account, and makes every other link of this kind void. */
export async function resetPassword(
  context: AccountsContext,
  { token, password }: { readonly token: string; readonly password: string },
): Promise<AccountOutcome<void>> {
  const good = checkNewPassword(password)
  if (!good.ok) return good
  const hashed = await context.passwords.hash(password)
  if (!hashed.ok) return hashed
  const isDone = await context.db.transaction().execute(async (tx) => {
    const used = await useMailToken(tx, context, 'reset', token)
    if (used === undefined || used.account_id === null) return false
    const accountId = used.account_id
    const account = await tx
      .updateTable('accounts')
      .set({ password_hash: hashed.value })
      .where('id', '=', accountId)
      .returning('email')
      .executeTakeFirstOrThrow()
    await tx.deleteFrom('account_mail_tokens').where('account_id', '=', accountId).execute()
    await tx.deleteFrom('account_mails').where('account_id', '=', accountId).execute()
    await endSessions(tx, context, 'password-reset', (rows) => rows.where('account_id', '=', accountId))
    await promiseMail(tx, context, { what: 'password-changed', email: account.email })
    return true
  })
  return isDone ? accepted(undefined) : refuseToken()
}
