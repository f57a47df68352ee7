import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool, PoolClient } from 'pg'
import { AppError } from '../../kernel/index.ts'
import type { Tables } from './tables.ts'

interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

const FOLDER = join(import.meta.dirname, 'migrations')

/**
 * Brings the schema to the state that this version of the program works with. Whoever comes first does it, the others
 * wait for them. Throws `STORE_UNSUPPORTED_VERSION` when a newer version has been here.
 */
export async function migrate(pool: Pool, tables: Tables): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [tables.migration])
    await client.query(`create schema if not exists ${tables.schema}`)
    await client.query(`set local search_path to ${tables.schema}`)
    await applyMissing(client)
    await client.query('commit')
    client.release()
  } catch (error) {
    // Ending the connection takes back what was done on it.
    client.release(true)
    throw error
  }
}

async function applyMissing(client: PoolClient): Promise<void> {
  await client.query(
    'create table if not exists migration (number integer primary key, name text not null, applied_at timestamptz not null default now())',
  )
  const { rows } = await client.query<{ readonly number: number }>('select number from migration')
  const applied = new Set(rows.map(({ number }) => number))
  const known = readMigrations()
  const unknown = [...applied].filter((number) => !known.some((migration) => migration.number === number))
  if (unknown.length > 0) {
    const message = `The event tables have migration ${Math.max(...unknown)}, this program knows ${known.length}.`
    throw new AppError('STORE_UNSUPPORTED_VERSION', message)
  }
  for (const { number, name, sql } of known) {
    if (applied.has(number)) continue
    await client.query(sql)
    await client.query('insert into migration (number, name) values ($1, $2)', [number, name])
  }
}

/** `0001-events.sql` is number 1. In their order. */
function readMigrations(): readonly Migration[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({
      number: Number.parseInt(name, 10),
      name,
      sql: readFileSync(join(FOLDER, name), 'utf8'),
    }))
}
