import { accepted } from '../kernel/index.ts'
import { MAIL_REQUESTS, takeAttempt } from './attempts.ts'
import type { AccountsContext } from './context.ts'
import { parseEmailAddress } from './email-address.ts'
import { deliver } from './mail/deliver.ts'
import { passwordChangedMail, resetMail } from './mail/texts.ts'
import { issueMailToken, useMailToken } from './mail-tokens.ts'
import { checkNewPassword } from './passwords.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { endSessions } from './sessions/sessions.ts'
import { refuseToken } from './sign-up.ts'

export interface ResetRequest {
  readonly email: string
  /** The client's IP address, for the rates. */
  readonly from: string
}

/** Sends a mail when there is such an account. The answer is the same when there is none, and given before anybody looks. */
export async function requestReset(
  context: AccountsContext,
  { email, from }: ResetRequest,
): Promise<AccountOutcome<void>> {
  const address = parseEmailAddress(email)
  if (!address.ok) return address
  const allowed = await takeAttempt(context.bus, MAIL_REQUESTS, { what: 'reset', email: address.value, from })
  if (!allowed.ok) return allowed
  const isBegun = context.background.run('reset', (signal) => sendReset(context, address.value, signal))
  return isBegun ? accepted(undefined) : refuse('BUSY', 'too many mails are being sent, try again later')
}

async function sendReset(context: AccountsContext, email: string, signal: AbortSignal): Promise<void> {
  const { db, mailer, settings, logger } = context
  const account = await db.selectFrom('accounts').select('id').where('email', '=', email).executeTakeFirst()
  if (account === undefined) return
  const what = { purpose: 'reset', accountId: account.id } as const
  const token = await issueMailToken(db, context, what, settings().resetMinutes * 60)
  await deliver(mailer, resetMail(email, token, settings()), { logger, signal })
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
  const email = await context.db.transaction().execute(async (tx) => {
    const used = await useMailToken(tx, context, 'reset', token)
    if (used === undefined || used.account_id === null) return undefined
    const accountId = used.account_id
    const account = await tx
      .updateTable('accounts')
      .set({ password_hash: hashed.value })
      .where('id', '=', accountId)
      .returning('email')
      .executeTakeFirstOrThrow()
    await tx.deleteFrom('account_mail_tokens').where('account_id', '=', accountId).execute()
    await endSessions(tx, context, 'password-reset', (rows) => rows.where('account_id', '=', accountId))
    return account.email
  })
  if (email === undefined) return refuseToken()
  const { mailer, logger, background } = context
  // When too much is under way this mail is left out: the password is changed all the same.
  background.run('password-changed', (signal) =>
    deliver(mailer, passwordChangedMail(email), { logger, signal }),
  )
  return accepted(undefined)
}
