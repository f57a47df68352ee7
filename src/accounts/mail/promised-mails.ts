/** Mails that were promised: rows that are written with what they tell of, and go when they are sent. */
import type { Selectable, Transaction } from 'kysely'
import type { Clock } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { type AccountsContext, nowOf, type Rows } from '../context.ts'
import { issueMailToken } from '../mail-tokens.ts'
import { randomId } from '../secrets.ts'
import type { AccountMailsTable } from '../tables.ts'
import type { MailJob } from './mail-queue.ts'
import type { Mail } from './mailer.ts'
import { alreadyMail, confirmMail, passwordChangedMail, resetMail } from './texts.ts'

/** What a mail is about. */
export type PromisedMail =
  | { readonly what: 'confirm'; readonly email: string; readonly passwordHash: string }
  | { readonly what: 'reset'; readonly email: string; readonly accountId: string }
  | { readonly what: 'already' | 'password-changed'; readonly email: string }

/** News of a week ago is none: such a mail is given up. */
const NEWS_SECONDS = 7 * 86_400
/** Mails whose jobs are looked after at once. */
const MAX_WAITING = 1_000

/** Promises a mail in the caller's transaction: it is sent when that is committed, and never when it is not. */
export async function promiseMail(
  tx: Transaction<Tables>,
  { clock, settings, enqueueMail }: Pick<AccountsContext, 'clock' | 'settings' | 'enqueueMail'>,
  mail: PromisedMail,
): Promise<void> {
  const { confirmHours, resetMinutes } = settings()
  const lifetimeSeconds = { confirm: confirmHours * 3600, reset: resetMinutes * 60 }
  const mailId = randomId()
  await tx
    .insertInto('account_mails')
    .values({
      id: mailId,
      what: mail.what,
      email: mail.email,
      password_hash: mail.what === 'confirm' ? mail.passwordHash : null,
      account_id: mail.what === 'reset' ? mail.accountId : null,
      expires_at:
        nowOf(clock) +
        BigInt(mail.what === 'confirm' || mail.what === 'reset' ? lifetimeSeconds[mail.what] : NEWS_SECONDS),
    })
    .execute()
  await enqueueMail(tx, { mailId })
}

/**
 * Sends a promised mail, and forgets it. One that was sent already, or is too old, is not sent. Each try makes a code of
 * its own, of which only the hash is kept: no secret waits anywhere for a mail server.
 *
 * @param complete ends the job, in the transaction that forgets the mail. When the program dies between the sending and
 * that, the mail comes twice.
 */
export async function sendPromisedMail(
  context: Pick<AccountsContext, 'db' | 'clock' | 'mailer' | 'settings'>,
  { mailId }: MailJob,
  complete: (tx: Transaction<Tables>) => Promise<void>,
): Promise<void> {
  const { db, clock, mailer } = context
  const row = await db.selectFrom('account_mails').selectAll().where('id', '=', mailId).executeTakeFirst()
  if (row !== undefined && row.expires_at > nowOf(clock)) await mailer.send(await mailOf(context, row))
  await db.transaction().execute(async (tx) => {
    await tx.deleteFrom('account_mails').where('id', '=', mailId).execute()
    await complete(tx)
  })
}

/** Mails that wait, the oldest to expire first: some may have no job, which was lost or could not be made. */
export async function waitingMails(rows: Rows, clock: Clock): Promise<readonly MailJob[]> {
  const found = await rows
    .selectFrom('account_mails')
    .select('id')
    .where('expires_at', '>', nowOf(clock))
    .orderBy('expires_at')
    .limit(MAX_WAITING)
    .execute()
  return found.map(({ id }) => ({ mailId: id }))
}

async function mailOf(
  { db, settings }: Pick<AccountsContext, 'db' | 'settings'>,
  row: Selectable<AccountMailsTable>,
): Promise<Mail> {
  const { email, password_hash: passwordHash, account_id: accountId, expires_at: expiresAt } = row
  if (row.what === 'confirm' && passwordHash !== null) {
    const token = await issueMailToken(db, { purpose: 'confirm', email, passwordHash }, expiresAt)
    return confirmMail(email, token, settings())
  }
  if (row.what === 'reset' && accountId !== null) {
    const token = await issueMailToken(db, { purpose: 'reset', accountId }, expiresAt)
    return resetMail(email, token, settings())
  }
  return row.what === 'already' ? alreadyMail(email) : passwordChangedMail(email)
}
