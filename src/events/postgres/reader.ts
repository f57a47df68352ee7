import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'pg'
import { AppError } from '../../kernel/index.ts'
import { isConnectionFailure, messageOf, rowsOf } from './connections.ts'
import type { Row, Statement } from './statement.ts'

/** A question is asked again when the connection broke: the server may have been restarted since the last one. */
const ATTEMPTS = 3
const PAUSE_MS = 100

/** Asks questions that change nothing. */
export class Reader {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /** @throws AppError `STORE_UNAVAILABLE` when the database does not answer, or not in time. */
  async rows(statement: Statement): Promise<readonly Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await rowsOf(this.#pool, statement)
      } catch (cause) {
        if (attempt === ATTEMPTS || !isConnectionFailure(cause)) throw unavailable(cause)
        await delay(PAUSE_MS)
      }
    }
  }

  /** The only row of an answer that always has one. */
  async row(statement: Statement): Promise<Row> {
    const [row = []] = await this.rows(statement)
    return row
  }
}

/** What was wrong with the database, as a fault of the store. */
export function unavailable(cause: unknown): AppError {
  const message = `The database of the event store did not answer: ${messageOf(cause)}.`
  return new AppError('STORE_UNAVAILABLE', message, { cause })
}
