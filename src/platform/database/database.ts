import { Kysely, PostgresDialect } from 'kysely'
import { DatabaseError, Pool, types } from 'pg'
import { AppError, createDurations, type Durations, noteDuration } from '../../kernel/index.ts'
import type { ComponentHealth } from '../http.ts'
import type { Logger } from '../logging.ts'
import { prepareMarked } from './prepared.ts'
import type { Tables } from './tables.ts'

/** An open database: migrated, and answering when this was made. It reconnects by itself after a restart of the server. */
export interface Database {
  /** In its rows an int8 is a `bigint` and a numeric is a text, so that nothing of an amount is lost. */
  readonly db: Kysely<Tables>
  /** For programs that connect themselves (the job runner, `pg_dump`). It may hold a password: never log it. */
  readonly url: string
  /** True when the server is a child of this program. */
  readonly embedded: boolean
  stats(): DatabaseStats
  /** Asks the database and answers within two seconds, whatever its state. */
  health(): Promise<ComponentHealth>
  /** Waits for what is under way, closes all connections, and stops an embedded server. */
  close(): Promise<void>
}

/** Totals are since it was opened. */
export interface DatabaseStats {
  readonly open: number
  readonly idle: number
  readonly limit: number
  /** Who waits for a free connection. */
  readonly waiting: number
  /** Statements that were answered, and how long they took. */
  readonly statements: Durations
  /** Statements that failed, but for those that a constraint of the tables refused; and idle connections that broke. */
  readonly errors: number
}

export interface ConnectionSettings {
  /** Connections open at the same time; who finds none free waits for `connectTimeoutMs` at most. */
  readonly poolSize: number
  /** The server gives up a statement that takes longer; 0 means never. */
  readonly statementTimeoutMs: number
  /** For a new connection, or for a free one in the pool. */
  readonly connectTimeoutMs: number
}

/** PostgreSQL 15, as `server_version_num` says it. */
const OLDEST_VERSION = 150_000
const HEALTH_TIMEOUT_MS = 2_000
/** A transaction that somebody forgot must not hold its locks for ever. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000

/** `int8` of `pg_type.dat`, and its array. */
const INT8_OID = 20
const INT8_ARRAY_OID = 1016

/** An `int8` is a `bigint`, exactly; `pg` would make a text of it. */
const rowTypes = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    const usual = types.getTypeParser(oid, format)
    if (format === 'binary') return usual
    if (oid === INT8_OID) return BigInt
    return oid === INT8_ARRAY_OID ? (text: string) => usual(text).map(BigInt) : usual
  },
}

export interface Connected {
  readonly stats: () => DatabaseStats
  readonly db: Kysely<Tables>
  readonly pool: Pool
}

/** Makes the pool and the query builder; opens no connection yet. */
export function connect(url: string, settings: ConnectionSettings, logger: Logger): Connected {
  const pool = new Pool({
    connectionString: url,
    max: settings.poolSize,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    ...(settings.statementTimeoutMs === 0 ? {} : { statement_timeout: settings.statementTimeoutMs }),
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    application_name: 'stoa',
    keepAlive: true,
    types: rowTypes,
  })
  const statements = createDurations()
  let errors = 0
  // Idle connections end with the server. The pool drops them and opens new ones; without a listener it would throw.
  pool.on('error', (err) => {
    errors++
    logger.warn({ err }, 'database.connection_lost')
  })
  // One that breaks while it is in use says so twice: to whoever waits for its answer, and here.
  pool.on('connect', (client) => {
    client.on('error', () => {})
    prepareMarked(client)
  })
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
    log: (entry) => {
      if (entry.level === 'query') noteDuration(statements, entry.queryDurationMillis)
      else if (!isRefusal(entry.error)) errors++
    },
  })
  const stats = (): DatabaseStats => ({
    open: pool.totalCount,
    idle: pool.idleCount,
    limit: settings.poolSize,
    waiting: pool.waitingCount,
    statements,
    errors,
  })
  return { pool, db, stats }
}

/** SQLSTATE class 23: the tables' own rules, which whoever asked knows how to take. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith('23') === true
}

/** Closes all connections when what is under way has ended. */
export async function disconnect({ db, pool }: Connected): Promise<void> {
  // It ends the pool, but only when something was asked through it.
  await db.destroy()
  if (!pool.ending) await pool.end()
}

/** Throws `DATABASE_VERSION` for a server older than PostgreSQL 15, and what `pg` throws when there is none. */
export async function requireVersion(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ readonly server_version_num: string }>('SHOW server_version_num')
  const version = Number(rows[0]?.server_version_num)
  if (version >= OLDEST_VERSION) return
  throw new AppError(
    'DATABASE_VERSION',
    `The database server is PostgreSQL ${Math.floor(version / 10_000)}; this program needs 15 or newer.`,
    { facts: { version } },
  )
}

/** One entry for `/health`: how long an empty question took, and how full the pool is. */
export async function healthOf(pool: Pool, embedded: boolean): Promise<ComponentHealth> {
  const startedMs = performance.now()
  const isAnswered = await answers(pool)
  return {
    status: isAnswered ? 'ok' : 'failed',
    embedded,
    tookMs: Math.round(performance.now() - startedMs),
    connections: pool.totalCount,
    idleConnections: pool.idleCount,
    waiting: pool.waitingCount,
  }
}

async function answers(pool: Pool): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, HEALTH_TIMEOUT_MS, false)
  })
  // That it fails is the answer here; the reason is in the log of whoever needed the database.
  const asked = pool.query('SELECT 1').then(
    () => true,
    () => false,
  )
  try {
    return await Promise.race([asked, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
