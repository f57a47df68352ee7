/**
 * Every code that an `AppError` of this program may carry, with one sentence: what it means and what to do.
 * `docs/reference/errors.md` is generated from this table (`node scripts/generate-errors-reference.ts`), and
 * `test/error-codes.test.ts` holds the table, the page and the code together. Keep it in alphabetical order.
 */
export const ERROR_CODES = {
  ACCESS_FILE_DAMAGED:
    'The file with bans, permissions and levels in the data folder cannot be read; restore it from a backup, or remove it to start with empty lists.',
  ACCOUNTS_ANNOUNCEMENT_REFUSED:
    'The relay refused an event that it signed itself about its members (NIP-43); the message says why, and it is tried again.',
  AMOUNT_INVALID:
    'An amount was computed in a way that has no meaning (two assets in one sum, a division into no parts); this is a bug, please report it.',
  AUDIT_CHECKPOINT_REFUSED:
    'The relay refused a checkpoint of the audit log that it signed itself; the message says why, and it is tried again.',
  AUDIT_INVALID:
    'An audit entry holds something that cannot be written down (a value that JSON does not have, a text too long); this is a bug, please report it.',
  BACKUP_DAMAGED:
    'A file of a backup is missing or not as it was written; the message names it, use an older backup or another copy.',
  BACKUP_FAILED:
    'A backup could not be written (disk full, no rights, stopped); earlier ones are as they were, and the next run goes on.',
  BACKUP_IN_USE:
    'Another process is writing a backup to this folder; wait for it, or remove its lock file when there is none.',
  BACKUP_NOT_FOUND: 'There is no backup in the folder, or none of that name; `stoa backup list` shows them.',
  CONFIG_INVALID:
    'A setting is unknown, malformed or contradicts another one; the message names it, correct it and start again.',
  CONSOLE_LISTEN_FAILED:
    'The socket for stoa admin could not be opened in the data folder; the message says why, look at its permissions.',
  CONSOLE_NOT_RUNNING:
    'No running program answers for this data folder; start it, or name the folder that it runs on with --data.',
  DATABASE_LOCKED:
    'Another process uses the database of this data folder; stop it, or choose another folder with --data.',
  DATABASE_MIGRATION_CHANGED:
    'A migration that this database was made with has been changed or removed; restore the file, and write a new one for what is to change.',
  DATABASE_MIGRATION_FAILED:
    'A migration could not be applied and was rolled back; the message names the file and the line.',
  DATABASE_MIGRATION_INVALID:
    'A file in migrations/ has a name or a number that does not fit the others; the message says which.',
  DATABASE_NEWER:
    'The database was migrated by a newer version of the program; start that one, or restore an older backup.',
  DATABASE_PROGRAM_MISSING:
    'The PostgreSQL that comes with the program cannot be used on this machine; install its package, or set database.url to a PostgreSQL of your own.',
  DATABASE_START_FAILED:
    'The embedded PostgreSQL could not be started or stopped; the message holds what it said.',
  DATABASE_UNREACHABLE:
    'The database at database.url does not answer or refuses us; check the address, the password and the server.',
  DATABASE_VERSION:
    'The database server or its files are of a version that this program cannot use; the message says which one it needs.',
  ILP_BOOKS_BUSY:
    'More packets wait to be written down than may; it passes when the database has caught up, look at its load.',
  ILP_BOOKS_CLOSED:
    'Packets cannot be written down any more (the program stops, another process is the node, or the database refuses); the cause says why, and the next run asks the peers what became of packets under way.',
  ILP_JOURNAL_DAMAGED:
    'The table ilp_journal holds something that was not written by the program; restore the database from a backup.',
  ILP_PACKET_ENDED:
    'A packet was to be sent or fulfilled that had come to nothing before; it is rejected, and nothing is to be done.',
  ILP_PACKET_REPEATED:
    'A packet is under way to a peer that is the same in every byte as one that is to be sent; it is rejected, and nothing is to be done.',
  ILP_POSTING_REFUSED:
    'The ledger refuses the booking of fulfilled packets; the message says why. This is a bug, please report it.',
  IMPORT_FAILED:
    'The import could not go on; the message says at which line and why, and what was stored before stays stored.',
  INTERNAL: 'Something happened that the program holds to be impossible; this is a bug, please report it.',
  JOBS_CLAIM_LOST:
    'A job took so long, or was silent for so long, that another try of it has begun; what this one did was rolled back.',
  JOBS_INVALID:
    'A job or a queue was described in a way that the job runner cannot keep (an unknown queue, data too large); this is a bug, please report it.',
  LEADERSHIP_LOST:
    'Another process does by now what is done once for all; nothing of this one was written. Nothing is to be done.',
  LEDGER_SUBSCRIPTIONS_FULL:
    'More accounts of the ledger are followed at the same time than one process does; end some of them.',
  LEDGER_UNAVAILABLE:
    'The ledger could not be written, or not be added up in time, since the database did not answer or the program stops; what was asked may be asked again with the same key.',
  MAIL_REFUSED: 'The mail server did not take a mail; the number is what it answered. It is tried again.',
  MIRRORS_FILE_DAMAGED:
    'The file with mirrors in the data folder cannot be read; restore it from a backup, or remove it to begin with those of the configuration.',
  NODE_TOO_OLD: 'This program needs Node 24 or newer; run it with `npm start`, which brings its own.',
  OBSERVATORY_DAYS_MISSING:
    'Observations were to be counted of a day whose fingerprints are not in memory; nothing was counted. This is a bug, please report it.',
  OBSERVATORY_DELIVERY_FAILED:
    'A webhook, mail server or relay did not take what was to be told of an alert; it is tried again by itself. The message says why.',
  OBSERVATORY_EXPORT_FAILED:
    'The history of the observatory could not be exported (disk full, database gone, more rows than one file may have); the message says why, ask for a shorter time.',
  OBSERVATORY_EXPORT_UNAVAILABLE:
    'DuckDB, which history is exported with, is not installed on this machine; install the optional package @duckdb/node-api.',
  OBSERVATORY_JOURNAL_FAILED:
    'The folder with observations that wait for the database cannot be used; the message says why, look at its rights and the disk.',
  OBSERVATORY_STATE_DAMAGED:
    'The checkpoints of the statistics in the database are not as this version wrote them; start the version that did, restore a backup, or run: stoa observatory begin-anew.',
  OBSERVATORY_UNAVAILABLE:
    'The figures of the observatory are being read back from the database, or kept by another process; ask again in a moment.',
  PEER_FAILED:
    'Another relay could not be reached, left, was silent for too long or answered with nonsense; the message says which. Mirrors try again by themselves.',
  RAIL_FAILED:
    'The network of a settlement rail did not answer, or contradicted itself; nothing was lost, and it is tried again by itself. Look at its endpoints when it lasts.',
  RELAY_LISTEN_FAILED:
    'The relay could not listen on its host and port; free the port or choose another one with --port.',
  RESTORE_FAILED:
    'A restore broke off; run it again to continue, and do not start the program on that data folder until then.',
  RESTORE_REFUSED:
    'A backup is restored only into an empty data folder and an empty database that fit it; the message says what is in the way.',
  SETTLEMENT_NOT_POSTED:
    'The ledger did not take what a settlement posts; nothing of it was written, and it is tried again by itself. When it lasts, this is a bug, please report it.',
  SIGNER_FAILED:
    'A signer answered with something that is no signature; the message says what, look at the device or service that signs.',
  SIGNER_FILE_DAMAGED:
    'A key file is not as the program wrote it; restore it from a backup, since a new key would be somebody else.',
  SIGNER_FILE_EXPOSED:
    'Other users of this machine can read a key file; the message names the command that stops that.',
  SIGNER_KEY_INVALID:
    'A key handed in by setting, environment or file is no secret key; give it as an nsec or as 64 hex characters.',
  SIGNER_LOCKED:
    'A key cannot be opened with the passphrase, token or PIN given, or it needs one and none is given; set the right one.',
  SIGNER_STORAGE_FAILED:
    'A key file could not be read or written; the message names the file and the reason, and no key was changed.',
  SIGNER_TOKEN_FAILED:
    'The PKCS#11 token refused an operation (full, write-protected, without what is needed); the message says which and what to do.',
  SIGNER_TOKEN_UNAVAILABLE:
    'The PKCS#11 token or its library is not there or does not answer; look at the path, the label and the device.',
  SITE_UNREADABLE:
    'The built page is missing from its folder or is not one; install the program whole, or build it with `npm run build -w web`.',
  STORE_CLOSED: 'The event store was used after it was closed; the program is stopping or this is a bug.',
  STORE_DAMAGED:
    'A file of the event store holds something that was not written by the program; the message names the file and what can be done.',
  STORE_LOCKED: 'Another process uses this data folder; stop it, or choose another folder with --data.',
  STORE_UNAVAILABLE:
    'The database of the event store did not answer, or not in time; the message says why, start it or look at its load.',
  STORE_UNSUPPORTED_VERSION:
    'The data folder was written by another version of the program, in a format that this one cannot read.',
  STORE_WRITE_FAILED:
    'The event store could not write to disk (full, read-only or broken); nothing of the batch was stored.',
  THREAD_NOT_STARTED:
    'A thread of the program has not come up; start again, and report it if it happens again.',
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
