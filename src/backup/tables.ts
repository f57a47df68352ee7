/** What a backup needs of a database: all its tables, and a way to fill them again. */

export interface DumpedTable {
  readonly table: string
  /** In the order of the values of a row. */
  readonly columns: readonly string[]
  /** Each a JSON array of texts and nulls, one for each column, as the database writes and reads them. */
  readonly rows: AsyncIterable<readonly string[]>
}

export interface TableAccess {
  /**
   * Hands over one table after the other, all as of one moment.
   *
   * @returns the number of the last migration.
   */
  dump(each: (table: DumpedTable) => Promise<void>): Promise<number>
  /**
   * Fills an empty database: everything or nothing.
   *
   * @param tables which there are, and how to read one.
   * @param migration the last one of the database that they come from.
   * @throws AppError RESTORE_REFUSED when there are rows already, or the database is older than the backup.
   */
  load(
    migration: number,
    tables: ReadonlyMap<string, () => Promise<DumpedTable>>,
    onRows: (rows: number) => void,
  ): Promise<void>
}
