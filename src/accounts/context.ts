import type { Kysely, Transaction } from 'kysely'
import type { AuditLog } from '../audit/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import type { Background } from './background.ts'
import type { MailJob } from './mail/mail-queue.ts'
import type { Mailer } from './mail/mailer.ts'
import type { Passwords } from './passwords.ts'
import type { TokenKeys } from './sessions/token-keys.ts'

/** A connection, or a transaction of the caller's. */
export type Rows = Kysely<Tables> | Transaction<Tables>

/** The section `accounts` of the configuration. */
export interface AccountsSettings {
  readonly signUp: 'open' | 'closed'
  readonly accessTokenMinutes: number
  readonly sessionDays: number
  readonly confirmHours: number
  readonly resetMinutes: number
  /** Where links in mails lead; empty: mails hold the bare code. */
  readonly webUrl: string
}

/** What the files of this folder hand to each other. */
export interface AccountsContext {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly audit: Pick<AuditLog, 'record'>
  readonly bus: Pick<Bus, 'takeToken'>
  readonly settings: () => AccountsSettings
  readonly passwords: Passwords
  readonly mailer: Mailer
  /** Has a promised mail sent when this transaction is committed. */
  readonly enqueueMail: (tx: Transaction<Tables>, job: MailJob) => Promise<void>
  readonly background: Background
  readonly tokenKeys: TokenKeys
  readonly logger: Logger
}

export function nowOf(clock: Clock): bigint {
  return BigInt(clock.nowSeconds())
}
