import type { JobQueue } from '../../platform/jobs/index.ts'

/** A mail to be sent. The job names the row that was promised; whom it goes to and what it says is not in the job. */
export interface MailJob {
  readonly mailId: string
}

/** Tried for an hour: a server that greylists takes a mail after some minutes. Then it waits for a person. */
export const MAIL_QUEUE: JobQueue<MailJob> = {
  name: 'accounts.mail',
  parse: (data) => {
    if (typeof data === 'object' && data !== null && 'mailId' in data && typeof data.mailId === 'string')
      return { mailId: data.mailId }
    throw new TypeError('it names no mail')
  },
  maxRetries: 9,
  retryDelaySeconds: 10,
  retryDelayMaxSeconds: 900,
  // A mail server may take its time at each of some steps (`smtp-mailer.ts`).
  expireSeconds: 180,
}
