import type { Kysely, Transaction } from 'kysely'
import { type AuditRecord, createAuditLog } from '../audit/index.ts'
import { AppError, type Clock } from '../kernel/index.ts'
import type { Database, Tables } from '../platform/database/index.ts'
import { type ModerationOutcome, type ModerationRefusal, refuse } from './refusal.ts'

/** A transaction, and what the audit log is to say of it. */
export interface Writing {
  readonly tx: Transaction<Tables>
  /** Written last of all, since everybody who writes into the audit log waits for the end of the transaction. */
  audit(record: AuditRecord): void
}

/** The database as this part sees it: it may not be there yet, and it may be gone for a while. */
export class DatabaseAccess {
  readonly #current: () => Database | undefined
  readonly #clock: Clock

  constructor(current: () => Database | undefined, clock: Clock) {
    this.#current = current
    this.#clock = clock
  }

  get isReady(): boolean {
    return this.#current() !== undefined
  }

  /** One transaction; it is rolled back when the work refuses. */
  write<T>(work: (writing: Writing) => Promise<ModerationOutcome<T>>): Promise<ModerationOutcome<T>> {
    return this.read(async (db) => {
      const audit = createAuditLog({ db, clock: this.#clock })
      try {
        return await db.transaction().execute(async (tx) => {
          const records: AuditRecord[] = []
          const outcome = await work({ tx, audit: (record) => records.push(record) })
          if (!outcome.ok) throw new RolledBack(outcome.refusal)
          for (const record of records) await audit.record(tx, record)
          return outcome
        })
      } catch (error) {
        if (error instanceof RolledBack) return refuse(error.refusal.code, error.refusal.text)
        throw error
      }
    })
  }

  /** Asks the database; without one the answer is a refusal. */
  async read<T>(work: (db: Kysely<Tables>) => Promise<ModerationOutcome<T>>): Promise<ModerationOutcome<T>> {
    const database = this.#current()
    if (database === undefined) return NOT_READY
    try {
      return await work(database.db)
    } catch (error) {
      if (isAway(error)) return GONE
      throw error
    }
  }
}

/** Leaves a transaction without committing it. */
class RolledBack extends Error {
  readonly refusal: ModerationRefusal

  constructor(refusal: ModerationRefusal) {
    super(refusal.text)
    this.refusal = refusal
  }
}

/** SQLSTATE classes of a server that is away: connection exception, insufficient resources, operator intervention. */
const AWAY_CLASSES: readonly string[] = ['08', '53', '57']

/** Errors of the system (`ECONNREFUSED`) have a name; what the driver says of a broken connection has no code at all. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof AppError) return false
  if (!('code' in error) || typeof error.code !== 'string')
    return /connect|terminated|timeout/i.test(error.message)
  return AWAY_CLASSES.includes(error.code.slice(0, 2)) || /^E[A-Z]+$/.test(error.code)
}

const NOT_READY = refuse('UNAVAILABLE', 'The database is not ready yet; try again in a moment.')
const GONE = refuse(
  'UNAVAILABLE',
  'The database did not answer; look whether it was done before you try again.',
)
