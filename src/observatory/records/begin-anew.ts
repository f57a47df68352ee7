import { sql } from 'kysely'
import { moveCheckpoints } from './checkpoints.ts'
import type { Tx } from './tables.ts'

/**
 * An operator's last word when no checkpoint can be read and there is no backup: the figures begin at nothing. Checkpoints are moved
 * to `observatory_damaged_checkpoints`, and the keeper goes on by itself within minutes.
 *
 * What is lost: what the figures of the page and the API have of events that were counted until then, in every range, and with them
 * who is a new user. What stays: the tables of history, which are added to as before, since fingerprints stay; but the users of days
 * that were already begun are as many as before or more, not exactly.
 *
 * @returns whether it was done: not while the checkpoints are read, or nobody has found them unreadable.
 */
export async function beginStatisticsAnew(tx: Tx): Promise<boolean> {
  // Behind a keeper that is reading or writing them.
  await sql`SELECT term FROM observatory_leadership_terms FOR UPDATE`.execute(tx)
  const { rows } = await sql<{ reason: string | null }>`
    SELECT max(unreadable) AS reason FROM observatory_checkpoints`.execute(tx)
  const reason = rows[0]?.reason ?? null
  if (reason === null) return false
  await moveCheckpoints(tx, 0n, reason)
  return true
}
