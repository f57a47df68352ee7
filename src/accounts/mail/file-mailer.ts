import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../kernel/index.ts'
import type { Mail, Mailer } from './mailer.ts'

/** Mails kept; the oldest go. */
const MAX_FILES = 200

export interface FileMailerOptions {
  readonly folder: string
  readonly from: string
  readonly clock: Clock
}

/**
 * Writes mails into a folder, for a machine without a mail server: the operator reads them there and passes the links
 * on. They hold secrets, so folder and files are for their owner only.
 */
export function createFileMailer({ folder, from, clock }: FileMailerOptions): Mailer {
  return {
    async send(mail) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await chmod(folder, 0o700)
      const name = `${String(clock.nowMs()).padStart(15, '0')}-${randomBytes(4).toString('hex')}.eml`
      const unfinished = join(folder, `.${name}.part`)
      await writeFile(unfinished, messageOf(mail, from, clock.nowMs()), { mode: 0o600 })
      await rename(unfinished, join(folder, name))
      await forgetOld(folder)
    },
    close: () => {},
  }
}

function messageOf({ to, subject, text }: Mail, from: string, nowMs: number): string {
  const head = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${new Date(nowMs).toUTCString()}`,
    'Content-Type: text/plain; charset=utf-8',
  ]
  return `${head.join('\r\n')}\r\n\r\n${text.replaceAll(/\r?\n/g, '\r\n')}`
}

async function forgetOld(folder: string): Promise<void> {
  // The names begin with the time, so their order is the order of the mails.
  const names = (await readdir(folder)).filter((name) => name.endsWith('.eml')).toSorted()
  for (const name of names.slice(0, -MAX_FILES)) await rm(join(folder, name), { force: true })
}
