import { DatabaseError } from 'pg'
import { AppError } from '../../kernel/index.ts'

/**
 * Classes of SQLSTATE after which the same may work: connection exception, transaction rollback, insufficient resources,
 * operator intervention (a restart, a statement that took too long). `55P03`: a lock; `25P03`: silent for too long.
 */
const PASSING_CLASSES: ReadonlySet<string> = new Set(['08', '40', '53', '57'])
const PASSING_CODES: ReadonlySet<string> = new Set(['55P03', '25P03'])

/**
 * Is it worth while to ask the database the same again? Then nobody knows whether it was done: what is repeated must be
 * harmless to repeat.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof DatabaseError) {
    const { code = '' } = error
    return PASSING_CLASSES.has(code.slice(0, 2)) || PASSING_CODES.has(code)
  }
  // A server with several addresses, all of which were tried.
  if (error instanceof AggregateError) return error.errors.some(isTransient)
  if (!(error instanceof Error) || isBug(error)) return false
  // What `pg` says of a connection is a plain error; what the system says of one has a code.
  return error.constructor === Error || ('code' in error && typeof error.code === 'string')
}

/** Errors of these kinds are thrown by code, also by Node's (`ERR_INVALID_ARG_TYPE`), and never by a connection. */
function isBug(error: Error): boolean {
  return error instanceof AppError || error instanceof TypeError || error instanceof RangeError
}
