import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Client } from 'pg'
import type { Tables } from '../database/index.ts'

/** The one row of `migrations/0005_once_for_all_processes.sql`, and of its like. */
interface LeadershipTermsTable {
  readonly only_row: boolean
  readonly term: bigint
}

declare module '../database/tables.ts' {
  interface Tables {
    leadership_terms: LeadershipTermsTable
    ilp_leadership_terms: LeadershipTermsTable
    observatory_leadership_terms: LeadershipTermsTable
  }
}

/**
 * What one process at a time does: `services` are mirrors, retention and backups, `ilp` is the Interledger node,
 * `observatory` keeps the statistics. Each has a lock of its own, so that several processes may lead in one each.
 */
export type DutyName = 'services' | 'ilp' | 'observatory'

const TABLES = {
  services: 'leadership_terms',
  ilp: 'ilp_leadership_terms',
  observatory: 'observatory_leadership_terms',
} as const satisfies Record<DutyName, keyof Tables>

/** Counts up; to be called by whoever holds the lock. */
export async function beginTerm(session: Client, duty: DutyName): Promise<number> {
  const { rows } = await session.query<{ term: string }>(
    `UPDATE ${TABLES[duty]} SET term = term + 1 RETURNING term`,
  )
  return Number(rows[0]?.term)
}

/** Of one process, from its taking the lead in a duty until somebody else does. */
export interface LeaderTerm {
  readonly duty: DutyName
  readonly term: number
}

/**
 * True when nobody has taken the lead since this term began. Until the transaction ends nobody can, so what it writes
 * does not come behind the writing of a successor: a leader that does not know yet that it is none cannot do harm.
 */
export async function holdsTerm(
  tx: Transaction<Tables> | Kysely<Tables>,
  held: LeaderTerm,
): Promise<boolean> {
  const { rows } = await whileTermHeld(held).execute(tx)
  return rows.length === 1
}

/** The same as a query within a statement: one row without columns while the term is held, none afterwards. */
export function whileTermHeld({ term, duty }: LeaderTerm): RawBuilder<unknown> {
  return sql`SELECT FROM ${sql.table(TABLES[duty])} WHERE term = ${term} FOR SHARE`
}
