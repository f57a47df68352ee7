import type { Kysely } from 'kysely'
import type { Tables } from '../platform/database/index.ts'

/** Ended sessions are kept so long, so that a stolen token shown late is still known for what it is. */
const KEEP_ENDED_SECONDS = 7n * 86_400n

/** Removes what has expired and nobody asks for any more. Safe to repeat, and in several processes at once. */
export async function sweepExpired(db: Kysely<Tables>, nowSeconds: number): Promise<void> {
  const now = BigInt(nowSeconds)
  await db.deleteFrom('account_mail_tokens').where('expires_at', '<=', now).execute()
  await db.deleteFrom('account_mails').where('expires_at', '<=', now).execute()
  await db.deleteFrom('account_token_keys').where('expires_at', '<=', now).execute()
  await db.deleteFrom('account_sessions').where('expires_at', '<=', now).execute()
  await db
    .deleteFrom('account_sessions')
    .where('ended_at', '<=', now - KEEP_ENDED_SECONDS)
    .execute()
}
