import type { ColumnType, Kysely, Transaction } from 'kysely'
import { AppError } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { MirrorRecord, MirrorsState } from './mirror-state.ts'

/** The one row of `migrations/0005_once_for_all_processes.sql`. */
interface MirrorsStateTable {
  readonly only_row: boolean
  /** Of the type `json`: the driver parses it. */
  readonly records: ColumnType<readonly MirrorRecord[], string, string>
}

declare module '../platform/database/tables.ts' {
  interface Tables {
    mirrors_state: MirrorsStateTable
  }
}

/**
 * Keeps what is known of mirrors in the database, where the next process that has them finds it.
 *
 * @param mayWrite false when another process has them by now: what this one knows must not come behind.
 */
export function mirrorTable(
  db: Kysely<Tables>,
  mayWrite: (tx: Transaction<Tables>) => Promise<boolean>,
): MirrorsState {
  return {
    load: async () => {
      const row = await db.selectFrom('mirrors_state').select('records').executeTakeFirst()
      return row?.records ?? []
    },
    save: async (mirrors) => {
      const records = JSON.stringify(mirrors)
      await db.transaction().execute(async (tx) => {
        if (!(await mayWrite(tx)))
          throw new AppError('LEADERSHIP_LOST', 'Another process has the mirrors by now.')
        await tx
          .insertInto('mirrors_state')
          .values({ only_row: true, records })
          .onConflict((conflict) => conflict.column('only_row').doUpdateSet({ records }))
          .execute()
      })
    },
  }
}
