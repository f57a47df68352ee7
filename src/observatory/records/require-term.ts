import { AppError } from '../../kernel/index.ts'
import { holdsTerm, type LeaderTerm } from '../../platform/leadership/index.ts'
import type { Db, Tx } from './tables.ts'

/** @throws AppError LEADERSHIP_LOST. In a transaction nobody takes the lead until it ends. */
export async function requireTerm(db: Db | Tx, term: LeaderTerm): Promise<void> {
  if (await holdsTerm(db, term)) return
  throw new AppError('LEADERSHIP_LOST', 'Another process keeps the statistics by now.', {
    facts: { term: term.term },
  })
}

export function isTermLost(error: unknown): boolean {
  return error instanceof AppError && error.code === 'LEADERSHIP_LOST'
}
