import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import { AppError } from '../../kernel/index.ts'
import { connect, disconnect, requireVersion } from './database.ts'
import { startEmbeddedDatabase } from './embedded/index.ts'
import { type AppliedRow, MIGRATIONS_FOLDER, planMigrations, readMigrations } from './migrations.ts'
import type { OpenDatabaseOptions } from './open-database.ts'
import type { Tables } from './tables.ts'

/** A database that was opened to be looked at: nothing was migrated. */
export interface InspectedDatabase {
  readonly db: Kysely<Tables>
  /** As the server names it: `15.14 (Debian 15.14-0+deb12u1)`. */
  readonly version: string
  readonly embedded: boolean
  /** How many migrations were applied. */
  readonly applied: number
  /** Those that the next start applies. */
  readonly pending: readonly string[]
  close(): Promise<void>
}

/** Whether a start of this program has ever made a database in this data folder. */
export function hasEmbeddedDatabase(dataDir: string): boolean {
  return existsSync(join(dataDir, 'postgres', 'PG_VERSION'))
}

/**
 * Opens the database as it is; an embedded one is started for so long. Throws `DATABASE_…`: unreachable, too old, in
 * use, ahead of this program, or made with migrations that are not these.
 */
export async function inspectDatabase(options: OpenDatabaseOptions): Promise<InspectedDatabase> {
  const { url = '' } = options
  const server = url === '' ? await startEmbeddedDatabase(options) : { url, stop: async () => {} }
  const connected = connect(server.url, options, options.logger)
  const close = async (): Promise<void> => {
    await disconnect(connected)
    await server.stop()
  }
  try {
    await requireVersion(connected.pool)
    const rows = await appliedRows(connected.pool)
    const pending = planMigrations(rows, readMigrations(options.migrationsFolder ?? MIGRATIONS_FOLDER))
    const version = await versionOf(connected.pool)
    return {
      db: connected.db,
      version,
      embedded: url === '',
      applied: rows.length,
      pending: pending.map(({ name }) => name),
      close,
    }
  } catch (error) {
    await close()
    if (error instanceof AppError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new AppError('DATABASE_UNREACHABLE', `The database cannot be opened: ${reason}`, { cause: error })
  }
}

async function versionOf(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ readonly server_version: string }>('SHOW server_version')
  return rows[0]?.server_version ?? 'unknown'
}

/** None in a database that no start has ever migrated. */
async function appliedRows(pool: Pool): Promise<readonly AppliedRow[]> {
  const table = await pool.query<{ readonly is_there: boolean }>(
    "SELECT to_regclass('stoa_migrations') IS NOT NULL AS is_there",
  )
  if (table.rows[0]?.is_there !== true) return []
  const { rows } = await pool.query<AppliedRow>(
    'SELECT number, name, checksum FROM stoa_migrations ORDER BY number',
  )
  return rows
}
