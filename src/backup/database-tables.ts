import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { DatabaseError } from 'pg'
import { AppError } from '../kernel/index.ts'
import type { Database } from '../platform/database/index.ts'
import type { DumpedTable, TableAccess } from './tables.ts'

type Db = Database['db']
type Tx = Transaction<Db extends Kysely<infer T> ? T : never>

/** Which migrations a database has seen is known to it, and not copied. */
const MIGRATIONS = 'stoa_migrations'
const FETCH_ROWS = 500
/** SQLSTATE of tables that keep their rows for ever. */
const INSUFFICIENT_PRIVILEGE = '42501'

/**
 * The tables of the program in a database, without the jobs that wait (they are in a schema of their own) and the events,
 * when these are there. Values travel as the texts that PostgreSQL itself makes of them, so that every type comes back
 * as it was.
 */
export function databaseTables(db: Db): TableAccess {
  return {
    dump: (each) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute(async (tx) => {
          await prepare(tx)
          for (const table of await tableNames(tx)) {
            const columns = await columnsOf(tx, table)
            await each({ table, columns: columns.map(({ name }) => name), rows: rowsOf(tx, table, columns) })
          }
          return lastMigration(tx)
        }),
    load: (migration, tables, onRows) =>
      db.transaction().execute(async (tx) => {
        await prepare(tx)
        // What triggers keep up (balances) comes with the rows.
        await sql`set local stoa.restoring = 'on'`.execute(tx)
        await requireMigration(tx, migration)
        const order = await parentsFirst(tx)
        await emptyFresh(tx, order)
        for (const table of order) {
          const dumped = await tables.get(table)?.()
          if (dumped !== undefined) await fill(tx, dumped, onRows)
        }
      }),
  }
}

interface Column {
  readonly name: string
  /** As SQL writes it: `bigint`, `text[]`, `nostr_pubkey`. */
  readonly type: string
}

/** Texts are the same whatever the server's habits; and a slow disk must not end the transaction. */
async function prepare(tx: Tx): Promise<void> {
  for (const setting of [
    "timezone = 'UTC'",
    "datestyle = 'ISO'",
    "intervalstyle = 'postgres'",
    "bytea_output = 'hex'",
    'extra_float_digits = 1',
    'statement_timeout = 0',
    'idle_in_transaction_session_timeout = 0',
  ]) {
    await sql`set local ${sql.raw(setting)}`.execute(tx)
  }
}

async function tableNames(tx: Tx): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname <> ${MIGRATIONS}
    order by relname`.execute(tx)
  return rows.map(({ name }) => name)
}

/** Without those that the database computes itself. */
async function columnsOf(tx: Tx, table: string): Promise<readonly Column[]> {
  const { rows } = await sql<Column>`
    select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = ${quoted(table)}::regclass and attnum > 0 and not attisdropped and attgenerated = ''
    order by attnum`.execute(tx)
  return rows
}

async function* rowsOf(tx: Tx, table: string, columns: readonly Column[]): AsyncGenerator<readonly string[]> {
  const texts = sql.join(columns.map(({ name }) => sql`${sql.ref(name)}::text`))
  const cursor = sql.ref('stoa_backup')
  await sql`declare ${cursor} no scroll cursor for
    select json_build_array(${texts})::text as line from ${sql.table(table)}`.execute(tx)
  for (;;) {
    const { rows } = await sql<{ line: string }>`fetch ${sql.lit(FETCH_ROWS)} from ${cursor}`.execute(tx)
    if (rows.length === 0) break
    yield rows.map(({ line }) => line)
  }
  await sql`close ${cursor}`.execute(tx)
}

async function lastMigration(tx: Tx): Promise<number> {
  const { rows } = await sql<{ last: number | null }>`
    select max(number)::int as last from ${sql.table(MIGRATIONS)}`.execute(tx)
  return rows[0]?.last ?? 0
}

async function requireMigration(tx: Tx, migration: number): Promise<void> {
  const here = await lastMigration(tx)
  if (here >= migration) return
  throw new AppError(
    'RESTORE_REFUSED',
    `The backup was made by a newer program (migration ${migration}); this one knows ${here} migrations. Use the newer one.`,
    { facts: { migration, here } },
  )
}

/** Tables that others refer to before those. */
async function parentsFirst(tx: Tx): Promise<readonly string[]> {
  const { rows } = await sql<{ child: string; parent: string }>`
    select child.relname as child, parent.relname as parent from pg_constraint
    join pg_class child on child.oid = conrelid
    join pg_class parent on parent.oid = confrelid
    where contype = 'f' and connamespace = current_schema()::regnamespace and conrelid <> confrelid`.execute(
    tx,
  )
  const waiting = new Set(await tableNames(tx))
  const order: string[] = []
  while (waiting.size > 0) {
    const ready = [...waiting].filter(
      (table) => !rows.some(({ child, parent }) => child === table && waiting.has(parent)),
    )
    // A circle cannot be filled row by row; its constraints then say so.
    const next = ready.length > 0 ? ready : [...waiting]
    for (const table of next) waiting.delete(table)
    order.push(...next)
  }
  return order
}

/** Removes the rows that migrations begin a table with: one in a table at most. More are somebody's, and stay. */
async function emptyFresh(tx: Tx, order: readonly string[]): Promise<void> {
  for (const table of order.toReversed()) {
    const { rows } = await sql`select 1 from ${sql.table(table)} limit 2`.execute(tx)
    if (rows.length > 1) throw notEmpty(table)
    if (rows.length === 1) await removeRow(tx, table)
  }
}

async function removeRow(tx: Tx, table: string): Promise<void> {
  try {
    await sql`delete from ${sql.table(table)}`.execute(tx)
  } catch (error) {
    // With a row that is kept for ever no migration begins.
    const isKept = error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE
    throw isKept ? notEmpty(table, error) : error
  }
}

function notEmpty(table: string, cause?: unknown): AppError {
  const message = `The database is not empty: its table ${table} has rows. Restore into a fresh database.`
  return new AppError('RESTORE_REFUSED', message, { facts: { table }, cause })
}

async function fill(
  tx: Tx,
  { table, columns, rows }: DumpedTable,
  onRows: (rows: number) => void,
): Promise<void> {
  const types = new Map((await columnsOf(tx, table)).map(({ name, type }) => [name, type]))
  const values = columns.map((name, index) => {
    const type = types.get(name)
    if (type !== undefined) return sql`(line->>${sql.lit(index)})::${sql.raw(type)}`
    throw new AppError('RESTORE_REFUSED', `The table ${table} has no column ${name} any more.`, {
      facts: { table, column: name },
    })
  })
  const names = sql.join(columns.map((name) => sql.ref(name)))
  for await (const lines of rows) {
    await insert(tx, { table, names, values: sql.join(values), lines })
    onRows(lines.length)
  }
  for (const name of columns) await continueSequence(tx, table, name)
}

interface Insertion {
  readonly table: string
  readonly names: RawBuilder<unknown>
  readonly values: RawBuilder<unknown>
  readonly lines: readonly string[]
}

async function insert(tx: Tx, { table, names, values, lines }: Insertion): Promise<void> {
  await sql`insert into ${sql.table(table)} (${names}) overriding system value
    select ${values} from json_array_elements(${`[${lines.join(',')}]`}::json) as line`.execute(tx)
}

/** Numbers that the database gives out go on behind the highest that was given, in all tables that share a sequence. */
async function continueSequence(tx: Tx, table: string, column: string): Promise<void> {
  const name = await sequenceOf(tx, table, column)
  if (name === undefined) return
  await sql`select setval(${name}::regclass, max(${sql.ref(column)})) from ${sql.table(table)}
    having max(${sql.ref(column)}) > coalesce(pg_sequence_last_value(${name}::regclass), 0)`.execute(tx)
}

/** The sequence that goes with the column, or that its default draws from. */
async function sequenceOf(tx: Tx, table: string, column: string): Promise<string | undefined> {
  const { rows } = await sql<{ name: string | null }>`
    select coalesce(pg_get_serial_sequence(${quoted(table)}, ${column}), (
      select sequence.oid::regclass::text from pg_attrdef
      join pg_attribute on attrelid = adrelid and attnum = adnum
      join pg_depend on classid = 'pg_attrdef'::regclass and objid = pg_attrdef.oid
      join pg_class sequence on refclassid = 'pg_class'::regclass and sequence.oid = refobjid
      where adrelid = ${quoted(table)}::regclass and attname = ${column} and sequence.relkind = 'S'
    )) as name`.execute(tx)
  return rows[0]?.name ?? undefined
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
