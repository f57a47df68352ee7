import { createHash } from 'node:crypto'
import { accepted, refused } from '../kernel/index.ts'
import type { Bus, TokenRate } from '../platform/bus/index.ts'
import type { AccountOutcome } from './refusal.ts'

/** How often something may be tried, from one address, about one mailbox, and both together. */
export interface AttemptRates {
  readonly fromAddress: TokenRate
  readonly aboutMailbox: TokenRate
  readonly both: TokenRate
}

/**
 * Passwords: ten tries for one mailbox from one address, then one in 90 seconds. From all addresses together a mailbox
 * has a hundred, so that a stranger who tries passwords does not lock its owner out at once.
 */
export const PASSWORD_TRIES: AttemptRates = {
  fromAddress: { perSecond: 0.1, burst: 30 },
  aboutMailbox: { perSecond: 1 / 30, burst: 100 },
  both: { perSecond: 1 / 90, burst: 10 },
}

/** Mails: three to one mailbox, then one in 20 minutes, whoever asks. */
export const MAIL_REQUESTS: AttemptRates = {
  fromAddress: { perSecond: 1 / 60, burst: 20 },
  aboutMailbox: { perSecond: 1 / 1200, burst: 3 },
  both: { perSecond: 1 / 1200, burst: 3 },
}

export interface Attempt {
  /** What is tried: a word of its own for each kind. */
  readonly what: string
  readonly email: string
  /** The client's IP address. */
  readonly from: string
}

/** Counts an attempt in buckets that all processes share; refused when one of them is empty. */
export async function takeAttempt(
  bus: Pick<Bus, 'takeToken'>,
  rates: AttemptRates,
  { what, email, from }: Attempt,
): Promise<AccountOutcome<void>> {
  const buckets: readonly (readonly [string, TokenRate])[] = [
    [bucketOf(what, 'from', from), rates.fromAddress],
    [bucketOf(what, 'both', email, from), rates.both],
    [bucketOf(what, 'about', email), rates.aboutMailbox],
  ]
  // One after the other: who is held back by the first takes nothing out of the last, which belongs to somebody else.
  for (const [key, rate] of buckets) {
    const { isAllowed, retryAfterMs } = await bus.takeToken(key, rate)
    if (isAllowed) continue
    const retryAfterSeconds = Math.ceil(retryAfterMs / 1000)
    return refused({
      code: 'RATE_LIMITED',
      text: `too many attempts, try again in ${retryAfterSeconds} seconds`,
      retryAfterSeconds,
    })
  }
  return accepted(undefined)
}

/** Hashed, so that the names of the buckets are no list of mailboxes. */
function bucketOf(what: string, ...parts: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
  return `accounts:tries:${what}:${digest}`
}
