import type { Kysely } from 'kysely'
import type { Clock, Outcome } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Jobs } from '../../platform/jobs/index.ts'
import type { AlertLimits } from './limits.ts'
import type { FetchSettings } from './post-webhook.ts'

export interface AlertMail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface AlertMessage {
  /** Lowercase hex. */
  readonly recipient: string
  readonly text: string
  /** The same for each try: what is sent twice is then the same message. */
  readonly createdAtSeconds: number
}

/** Keeps the secrets of webhooks where only this program can read them; `SecretBox` of src/signer is one. */
export interface SecretSeal {
  seal(plaintext: Uint8Array, context: string): string
  open(sealed: string, context: string): Outcome<Uint8Array, { readonly text: string }>
}

/** What the files of this folder hand to each other. */
export interface AlertsContext {
  readonly db: Kysely<Tables>
  readonly jobs: Pick<Jobs, 'enqueue' | 'work'>
  readonly clock: Clock
  readonly logger: Logger
  readonly secrets: SecretSeal
  /** Resolves when the mail server has taken it; absent: rules cannot have e-mails sent. */
  readonly sendMail: ((mail: AlertMail) => Promise<void>) | undefined
  /** The confirmed address of the account that a key belongs to; absent: only the operator gets mails. */
  readonly emailOf: ((pubkey: string) => Promise<string | undefined>) | undefined
  /** Resolves when a relay has taken it; see `createDirectMessages`. */
  readonly sendDirectMessage: ((message: AlertMessage) => Promise<void>) | undefined
  readonly fetching: FetchSettings
  readonly limits: AlertLimits
}
