import { hexArray } from './binary-array.ts'
import { deleteEvents } from './group-plan.ts'
import { numberIn, type Row, type Statement } from './statement.ts'
import type { Tables } from './tables.ts'
import type { WriteTask } from './transaction.ts'

/** Events that one transaction removes, so that nobody waits long for it. */
export const REMOVALS_PER_TRANSACTION = 2_000

/** Removes events by id; how many were there. */
export function removeTask(tables: Tables, ids: readonly string[]): WriteTask<number> {
  const text = `select seq from ${tables.event} where id = any($1::bytea[])`
  return removalOf(tables, { text, values: [hexArray(ids)] })
}

/** Removes some of what has expired; how many. */
export function sweepTask(tables: Tables, nowSeconds: number): WriteTask<number> {
  const text = `select seq from ${tables.event} where expires_at <= $1::bigint limit ${REMOVALS_PER_TRANSACTION}`
  return removalOf(tables, { text, values: [nowSeconds] })
}

/** @param read finds the `seq` of what is to go. */
function removalOf(tables: Tables, read: Statement): WriteTask<number> {
  return {
    read,
    decide: (before, found: readonly Row[]) => {
      const seqs = found.map((row) => numberIn(row, 0))
      return {
        writes: seqs.length === 0 ? [] : [deleteEvents(tables, seqs)],
        state: { ...before, events: before.events - seqs.length },
        value: seqs.length,
      }
    },
  }
}
