import { createTransport } from 'nodemailer'
import { AppError } from '../../kernel/index.ts'
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
      try {
        await transport.sendMail(mail)
      } catch (error) {
        throw refusedWith(error)
      }
    },
    close: () => transport.close(),
  }
}

/** What mail servers and nodemailer say of a refusal often holds the address; the codes do not. No cause goes along. */
function refusedWith(error: unknown): AppError {
  const codes = ['code', 'responseCode'].map((name) =>
    error instanceof Error ? (Reflect.get(error, name) as unknown) : undefined,
  )
  const said = codes.filter((code) => typeof code === 'string' || typeof code === 'number').join(' ')
  return new AppError(
    'MAIL_REFUSED',
    `The mail server did not take a mail (${said === '' ? 'no code' : said}).`,
  )
}

function withTimeouts(url: string): string {
  const parsed = new URL(url)
  for (const name of ['connectionTimeout', 'greetingTimeout', 'socketTimeout']) {
    if (!parsed.searchParams.has(name)) parsed.searchParams.set(name, String(STEP_TIMEOUT_MS))
  }
  return parsed.href
}
