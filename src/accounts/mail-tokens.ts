import type { Selectable } from 'kysely'
import { type AccountsContext, nowOf, type Rows } from './context.ts'
import { hashSecret, randomSecret } from './secrets.ts'
import type { AccountMailTokensTable } from './tables.ts'

/** What the link in a mail will do, once. */
export type MailTokenFor =
  | { readonly purpose: 'confirm'; readonly email: string; readonly passwordHash: string }
  | { readonly purpose: 'reset'; readonly accountId: string }

/** The text for the mail; only its hash is kept. */
export async function issueMailToken(
  rows: Rows,
  what: MailTokenFor,
  expiresAtSeconds: bigint,
): Promise<string> {
  const token = randomSecret()
  await rows
    .insertInto('account_mail_tokens')
    .values({
      hash: hashSecret(token),
      purpose: what.purpose,
      email: what.purpose === 'confirm' ? what.email : null,
      password_hash: what.purpose === 'confirm' ? what.passwordHash : null,
      account_id: what.purpose === 'reset' ? what.accountId : null,
      expires_at: expiresAtSeconds,
    })
    .execute()
  return token
}

/** Takes the token away: of two who use it at once, one gets the row. */
export function useMailToken(
  rows: Rows,
  { clock }: Pick<AccountsContext, 'clock'>,
  purpose: MailTokenFor['purpose'],
  token: string,
): Promise<Selectable<AccountMailTokensTable> | undefined> {
  return rows
    .deleteFrom('account_mail_tokens')
    .where('hash', '=', hashSecret(token))
    .where('purpose', '=', purpose)
    .where('expires_at', '>', nowOf(clock))
    .returningAll()
    .executeTakeFirst()
}
