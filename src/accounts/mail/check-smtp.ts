import { createTransport } from 'nodemailer'

/** How long the mail server may take to answer at each step. */
const STEP_TIMEOUT_MS = 10_000

/**
 * Greets a mail server as far as a mail would (connection, TLS, sign-in) and sends nothing. Rejects with what it said;
 * the URL, which may hold a password, is not in that.
 *
 * @param url as for the mailer: `smtps://user:password@host` or `smtp://host:587`.
 */
export async function checkSmtp(url: string): Promise<void> {
  const parsed = new URL(url)
  for (const name of ['connectionTimeout', 'greetingTimeout', 'socketTimeout']) {
    parsed.searchParams.set(name, String(STEP_TIMEOUT_MS))
  }
  const transport = createTransport(parsed.href)
  try {
    await transport.verify()
  } finally {
    transport.close()
  }
}
