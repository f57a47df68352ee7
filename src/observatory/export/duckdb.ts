import { AppError } from '../../kernel/index.ts'

/** Room that DuckDB may take; beyond it, it goes on on disk. */
const MEMORY_LIMIT = '256MB'

/**
 * Runs one statement in a DuckDB that has nothing else, and asks the network for nothing.
 *
 * @param folder where it may put what does not fit in memory.
 * @throws AppError OBSERVATORY_EXPORT_UNAVAILABLE where the optional package is not installed.
 */
export async function runInDuckDb(statement: string, folder: string): Promise<void> {
  const { DuckDBInstance } = await loadDuckDb()
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY_LIMIT,
    temp_directory: folder,
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  try {
    const connection = await instance.connect()
    try {
      await connection.run(statement)
    } finally {
      connection.closeSync()
    }
  } finally {
    instance.closeSync()
  }
}

/** Whether the optional package is there, and fits this machine. */
export async function canExport(): Promise<boolean> {
  try {
    await loadDuckDb()
    return true
  } catch {
    return false
  }
}

/** A native library of some size: loaded by whoever exports, and by nobody else. */
async function loadDuckDb(): Promise<typeof import('@duckdb/node-api')> {
  try {
    return await import('@duckdb/node-api')
  } catch (cause) {
    throw new AppError(
      'OBSERVATORY_EXPORT_UNAVAILABLE',
      'DuckDB is not installed here: install the optional package @duckdb/node-api.',
      { cause },
    )
  }
}
