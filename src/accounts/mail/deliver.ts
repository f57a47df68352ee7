import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../platform/index.ts'
import type { Mail, Mailer } from './mailer.ts'

/** Before the second and each later try. A server that greylists takes a mail after some minutes. */
const PAUSES_MS: readonly number[] = [10_000, 60_000, 300_000]

/** Sends a mail, trying again some times; a mail that nobody takes is given up and noted without its content. */
export async function deliver(
  mailer: Mailer,
  mail: Mail,
  { logger, signal, pausesMs = PAUSES_MS }: DeliverOptions,
): Promise<void> {
  for (const pauseMs of [...pausesMs, undefined]) {
    try {
      await mailer.send(mail)
      return
    } catch (err) {
      if (pauseMs === undefined) {
        logger.error({ err, tries: pausesMs.length + 1 }, 'accounts.mail_failed')
        return
      }
      logger.warn({ err, nextTryMs: pauseMs }, 'accounts.mail_delayed')
    }
    await delay(pauseMs, undefined, { signal })
  }
}

export interface DeliverOptions {
  readonly logger: Logger
  readonly signal: AbortSignal
  readonly pausesMs?: readonly number[]
}
