import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Client } from 'pg'
import { AppError } from '../../kernel/index.ts'
import { ADVISORY_LOCKS } from './advisory-locks.ts'

/** The numbered SQL files of this program. */
export const MIGRATIONS_FOLDER = resolve(import.meta.dirname, '../../../migrations')

export interface Migration {
  /** Its place in the order, from the name of the file. */
  readonly number: number
  /** The file: `0001_audit.sql`. */
  readonly name: string
  readonly sql: string
  /** SHA-256 of the text, in hex; line ends do not count, since a checkout may change them. */
  readonly checksum: string
}

export interface MigrateReport {
  /** The number that the database stood at before and stands at now; 0 is an empty one. */
  readonly from: number
  readonly to: number
  readonly applied: readonly string[]
}

export interface AppliedRow {
  readonly number: number
  readonly name: string
  readonly checksum: string
}

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/
/** A statement of a migration may take long, but whoever waits for the lock must not wait for ever. */
const LOCK_TIMEOUT_MS = 120_000

/** Reads and orders the migrations of a folder. Throws `DATABASE_MIGRATION_INVALID` for a bad name or a number used twice. */
export function readMigrations(folder: string = MIGRATIONS_FOLDER): readonly Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  const migrations = names.map((name) => readMigration(folder, name)).toSorted((a, b) => a.number - b.number)
  migrations.forEach((migration, index) => {
    const before = migrations[index - 1]
    if (before?.number === migration.number)
      throw invalid(`${before.name} and ${migration.name} have the same number.`)
  })
  return migrations
}

function readMigration(folder: string, name: string): Migration {
  const number = Number(FILE_NAME.exec(name)?.[1] ?? 0)
  if (number === 0) throw invalid(`${name} is not named like 0001_what_it_makes.sql.`)
  const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n')
  return { number, name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
}

/**
 * Brings a database to the newest migration: forward only, each in a transaction of its own, under an advisory lock,
 * so that several programs may start at once. What was applied before must still be in the list, unchanged.
 */
export async function migrate(url: string, migrations: readonly Migration[]): Promise<MigrateReport> {
  const client = new Client({ connectionString: url, application_name: 'stoa migrations' })
  // A connection that breaks while nothing is asked says so by an event; the next question then fails anyway.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.migrations])
    return await migrateLocked(client, migrations)
  } finally {
    // The lock goes with the connection.
    await client.end()
  }
}

async function migrateLocked(client: Client, migrations: readonly Migration[]): Promise<MigrateReport> {
  await client.query(`
    CREATE TABLE IF NOT EXISTS stoa_migrations (
      number integer PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`)
  const { rows } = await client.query<AppliedRow>(
    'SELECT number, name, checksum FROM stoa_migrations ORDER BY number',
  )
  const pending = planMigrations(rows, migrations)
  for (const migration of pending) await apply(client, migration)
  const from = rows.at(-1)?.number ?? 0
  return { from, to: pending.at(-1)?.number ?? from, applied: pending.map(({ name }) => name) }
}

/** What is still to be applied; throws when what was applied does not fit what this program has. */
export function planMigrations(
  applied: readonly AppliedRow[],
  migrations: readonly Migration[],
): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]))
  const newest = migrations.at(-1)?.number ?? 0
  for (const row of applied) {
    const migration = known.get(row.number)
    if (row.number > newest) throw newer(row, newest)
    if (migration?.checksum !== row.checksum) throw changed(row, migration)
  }
  const reached = applied.at(-1)?.number ?? 0
  const done = new Set(applied.map(({ number }) => number))
  const pending = migrations.filter(({ number }) => !done.has(number))
  const late = pending.find(({ number }) => number < reached)
  if (late !== undefined) {
    throw invalid(`${late.name} is not applied, but number ${reached} is; give it a number above that.`)
  }
  return pending
}

async function apply(client: Client, migration: Migration): Promise<void> {
  const { number, name, checksum, sql } = migration
  try {
    await client.query('BEGIN')
    await client.query(sql)
    await client.query('INSERT INTO stoa_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
      number,
      name,
      checksum,
    ])
    await client.query('COMMIT')
  } catch (cause) {
    // A broken connection has rolled back already.
    await client.query('ROLLBACK').catch(() => {})
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError(
      'DATABASE_MIGRATION_FAILED',
      `The migration ${name} failed${lineOf(cause, sql)}: ${reason}`,
      {
        cause,
        facts: { migration: name },
      },
    )
  }
}

function lineOf(cause: unknown, sql: string): string {
  const position = cause instanceof Error && 'position' in cause ? Number(cause.position) : Number.NaN
  return Number.isNaN(position) ? '' : ` at line ${sql.slice(0, position).split('\n').length}`
}

function newer(row: AppliedRow, newest: number): AppError {
  return new AppError(
    'DATABASE_NEWER',
    `The database is at migration ${row.number} (${row.name}); this program knows ${newest} at most. Start the newer program again.`,
    { facts: { databaseAt: row.number, programKnows: newest } },
  )
}

function changed(row: AppliedRow, migration: Migration | undefined): AppError {
  const what = migration === undefined ? 'is not there any more' : 'has been changed since'
  return new AppError(
    'DATABASE_MIGRATION_CHANGED',
    `The migration ${row.name}, which this database was made with, ${what}. Restore the file and write a new one instead.`,
    { facts: { migration: row.name } },
  )
}

function invalid(message: string): AppError {
  return new AppError('DATABASE_MIGRATION_INVALID', message)
}
