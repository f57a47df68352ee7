/**
 * Every code that an `AppError` of this program may carry, with one sentence: what it means and what to do.
 * `docs/reference/errors.md` is generated from this table (`node scripts/generate-errors-reference.ts`), and
 * `test/error-codes.test.ts` holds the table, the page and the code together. Keep it in alphabetical order.
 */
export const ERROR_CODES = {
  AMOUNT_INVALID:
    'An amount was computed in a way that has no meaning (two assets in one sum, a division into no parts); this is a bug, please report it.',
  CONFIG_INVALID:
    'A setting is unknown, malformed or contradicts another one; the message names it, correct it and start again.',
  IMPORT_FAILED:
    'The import could not go on; the message says at which line and why, and what was stored before stays stored.',
  INTERNAL: 'Something happened that the program holds to be impossible; this is a bug, please report it.',
  NODE_TOO_OLD: 'This program needs Node 24 or newer; run it with `npm start`, which brings its own.',
  RELAY_LISTEN_FAILED:
    'The relay could not listen on its host and port; free the port or choose another one with --port.',
  STORE_CLOSED: 'The event store was used after it was closed; the program is stopping or this is a bug.',
  STORE_DAMAGED:
    'A file of the event store holds something that was not written by the program; the message names the file and what can be done.',
  STORE_LOCKED: 'Another process uses this data folder; stop it, or choose another folder with --data.',
  STORE_UNSUPPORTED_VERSION:
    'The data folder was written by another version of the program, in a format that this one cannot read.',
  STORE_WRITE_FAILED:
    'The event store could not write to disk (full, read-only or broken); nothing of the batch was stored.',
  VERIFIER_UNAVAILABLE:
    'The requested signature verifier cannot be loaded on this machine; install its library or choose another one.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** A fact beside an error: never a key, a token or a whole user payload. */
export type Fact = string | number | bigint | boolean | readonly string[] | undefined

export interface AppErrorDetails {
  /** The error that led to this one. */
  readonly cause?: unknown
  /** Names carry the unit, as everywhere: `{ waitedMs: 250 }`. */
  readonly facts?: Readonly<Record<string, Fact>>
}

/**
 * A fault: a bug, or a world too broken to go on in. What a caller should expect is a refusal
 * (`Outcome`), not one of these.
 *
 * @example throw new AppError('STORE_WRITE_FAILED', `cannot write ${path}`, { cause, facts: { path } })
 */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly facts: Readonly<Record<string, Fact>>

  constructor(code: ErrorCode, message: string, { cause, facts = {} }: AppErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.facts = facts
  }
}
