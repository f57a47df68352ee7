import { join } from 'node:path'
import type { Clock } from '../../kernel/index.ts'
import { createFileMailer } from './file-mailer.ts'
import type { Mailer } from './mailer.ts'
import { createSmtpMailer } from './smtp-mailer.ts'

export interface MailerOptions {
  /** Empty: mails go into `<dataDir>/mail/`. */
  readonly smtpUrl: string
  readonly from: string
  readonly dataDir: string
  readonly clock: Clock
}

export function createMailer({ smtpUrl, from, dataDir, clock }: MailerOptions): Mailer {
  return smtpUrl === ''
    ? createFileMailer({ folder: join(dataDir, 'mail'), from, clock })
    : createSmtpMailer(smtpUrl, from)
}
