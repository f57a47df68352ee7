import { createTransport } from 'nodemailer'
import type { Mailer } from './mailer.ts'

/** How long the mail server may take to answer at each step. */
const STEP_TIMEOUT_MS = 20_000

/**
 * Sends mails by SMTP.
 *
 * @param url `smtps://user:password@host` or `smtp://host:587`; as nodemailer reads it, with its options in the query.
 */
export function createSmtpMailer(url: string, from: string): Mailer {
  const transport = createTransport(withTimeouts(url), { from })
  return {
    send: async (mail) => {
      await transport.sendMail(mail)
    },
    close: () => transport.close(),
  }
}

function withTimeouts(url: string): string {
  const parsed = new URL(url)
  for (const name of ['connectionTimeout', 'greetingTimeout', 'socketTimeout']) {
    if (!parsed.searchParams.has(name)) parsed.searchParams.set(name, String(STEP_TIMEOUT_MS))
  }
  return parsed.href
}
