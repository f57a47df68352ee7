import { accepted } from '../kernel/index.ts'
import { MAIL_REQUESTS, takeAttempt } from './attempts.ts'
import { type AccountsContext, nowOf } from './context.ts'
import { parseEmailAddress } from './email-address.ts'
import { promiseMail } from './mail/promised-mails.ts'
import { useMailToken } from './mail-tokens.ts'
import { checkNewPassword } from './passwords.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { randomId } from './secrets.ts'

export interface Credentials {
  readonly email: string
  readonly password: string
  /** The client's IP address, for the rates. */
  readonly from: string
}

/**
 * Promises a mail to confirm the address. Whether it has an account already shows in the mail alone: the answer is the
 * same, and given before anybody looks.
 */
export async function signUp(
  context: AccountsContext,
  { email, password, from }: Credentials,
): Promise<AccountOutcome<void>> {
  if (context.settings().signUp === 'closed')
    return refuse('SIGN_UP_CLOSED', 'nobody can sign up here by mail')
  const address = parseEmailAddress(email)
  if (!address.ok) return address
  const goodPassword = checkNewPassword(password)
  if (!goodPassword.ok) return goodPassword
  const attempt = { what: 'sign-up', email: address.value, from }
  const allowed = await takeAttempt(context.bus, MAIL_REQUESTS, attempt)
  if (!allowed.ok) return allowed
  const isBegun = context.background.run('sign-up', () =>
    promiseConfirmation(context, address.value, password),
  )
  return isBegun ? accepted(undefined) : refuse('BUSY', 'too many mails are being written, try again later')
}

async function promiseConfirmation(context: AccountsContext, email: string, password: string): Promise<void> {
  const { db, logger } = context
  const account = await db.selectFrom('accounts').select('id').where('email', '=', email).executeTakeFirst()
  if (account !== undefined) {
    await db.transaction().execute((tx) => promiseMail(tx, context, { what: 'already', email }))
    return
  }
  const hashed = await context.passwords.hash(password)
  if (!hashed.ok) {
    logger.warn({}, 'accounts.sign_up_dropped')
    return
  }
  const mail = { what: 'confirm', email, passwordHash: hashed.value } as const
  await db.transaction().execute((tx) => promiseMail(tx, context, mail))
}

/** Makes the account that this mail was about. The answer is the id of the account; signing in comes after it. */
export async function confirmEmail(
  context: AccountsContext,
  token: string,
): Promise<AccountOutcome<{ readonly accountId: string }>> {
  return context.db.transaction().execute(async (tx) => {
    const used = await useMailToken(tx, context, 'confirm', token)
    if (used === undefined || used.email === null || used.password_hash === null) return refuseToken()
    const account = await tx
      .insertInto('accounts')
      .values({
        id: randomId(),
        email: used.email,
        password_hash: used.password_hash,
        confirmed_at: nowOf(context.clock),
      })
      .onConflict((conflict) => conflict.column('email').doNothing())
      .returning('id')
      .executeTakeFirst()
    // Another mail to the same address was confirmed first: its password is the one that counts.
    return account === undefined ? refuseToken() : accepted({ accountId: account.id })
  })
}

export function refuseToken() {
  return refuse('TOKEN_INVALID', 'this link was used already or is too old; ask for a new one')
}
