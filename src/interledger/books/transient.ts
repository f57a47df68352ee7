import { DatabaseError } from 'pg'
import { AppError } from '../../kernel/index.ts'

/**
 * Classes of SQLSTATE after which the same may work: connection exception, transaction rollback, insufficient resources,
 * operator intervention (a restart, a statement that took too long). `55P03`: a lock; `25P03`: silent for too long.
 */
const PASSING_CLASSES: ReadonlySet<string> = new Set(['08', '40', '53', '57'])
const PASSING_CODES: ReadonlySet<string> = new Set(['55P03', '25P03'])

/** Is it worth while to try the same again? What is not of the database is of the way to it, unless it is a bug. */
export function isTransient(error: unknown): boolean {
  if (error instanceof DatabaseError) {
    const { code = '' } = error
    return PASSING_CLASSES.has(code.slice(0, 2)) || PASSING_CODES.has(code)
  }
  if (error instanceof AppError || error instanceof TypeError || error instanceof RangeError) return false
  return error instanceof Error
}

/** Class 23: a rule of the tables refuses what the statement would have made of them. */
export function isRefusedByRule(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith('23') === true
}
