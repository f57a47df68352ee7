import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../database/index.ts'
import type { LeaderTerm } from '../index.ts'

/** A new term of the Interledger node without seeking the lead: what an earlier one was writing is there by now, or never will be. */
export async function beginTestTerm(db: Kysely<Tables>): Promise<LeaderTerm> {
  const { rows } = await sql<{ term: bigint }>`
    UPDATE ilp_leadership_terms SET term = term + 1 RETURNING term`.execute(db)
  return { duty: 'ilp', term: Number(rows[0]?.term) }
}
