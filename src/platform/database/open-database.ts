import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseError } from 'pg'
import { AppError } from '../../kernel/index.ts'
import type { ComponentHealth } from '../http.ts'
import type { Logger } from '../logging.ts'
import {
  type ConnectionSettings,
  connect,
  type Database,
  disconnect,
  healthOf,
  requireVersion,
} from './database.ts'
import { startEmbeddedDatabase } from './embedded/index.ts'
import { MIGRATIONS_FOLDER, migrate, readMigrations } from './migrations.ts'

export interface OpenDatabaseOptions extends ConnectionSettings {
  /** Of a PostgreSQL that is there; without it one is started in the data folder. */
  readonly url?: string | undefined
  readonly dataDir: string
  readonly logger: Logger
  /** Where the numbered SQL files are; this program's own when absent. */
  readonly migrationsFolder?: string
}

/** A database that may still be on its way: the program serves what needs none meanwhile. */
export interface DatabaseService {
  /** Rejects for what waiting cannot mend: a wrong password, a newer database, a locked folder. */
  readonly ready: Promise<Database>
  /** Undefined until it is ready. */
  current(): Database | undefined
  health(): Promise<ComponentHealth>
  /** Gives up waiting, or closes what is open. */
  stop(): Promise<void>
}

const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 15_000

/** Opens the database once: starts it when there is no URL, migrates it, and checks its version. */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { url } = options
  if (url !== undefined && url !== '') return openAt(url, options, { embedded: false, stop: async () => {} })
  const server = await startEmbeddedDatabase(options)
  try {
    return await openAt(server.url, options, { embedded: true, stop: server.stop })
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Starts to open the database and returns at once. A server elsewhere that is down is tried again, with growing pauses. */
export function startDatabase(options: OpenDatabaseOptions): DatabaseService {
  const stopping = new AbortController()
  let database: Database | undefined
  let failure: unknown
  const ready = openWithPatience(options, stopping.signal)
  // Noted here, so that nobody has to wait for it; who does wait gets the same rejection.
  const settled = ready.then(
    (opened) => {
      database = opened
    },
    (error: unknown) => {
      failure = error
    },
  )
  return {
    ready,
    current: () => database,
    health: async () => {
      if (database !== undefined) return database.health()
      return failure === undefined
        ? { status: 'degraded', is: 'starting' }
        : { status: 'failed', code: codeOf(failure) }
    },
    stop: async () => {
      stopping.abort()
      await settled
      await database?.close()
    },
  }
}

async function openWithPatience(options: OpenDatabaseOptions, signal: AbortSignal): Promise<Database> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await openDatabase(options)
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error
      options.logger.warn({ err: error, nextTryMs: pauseMs }, 'database.unreachable')
    }
    // Aborting is how `stop` ends the wait.
    await delay(pauseMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) throw unreachable('The program stopped before the database answered.')
  }
}

async function openAt(
  url: string,
  options: OpenDatabaseOptions,
  server: { readonly embedded: boolean; stop(): Promise<void> },
): Promise<Database> {
  const startedMs = performance.now()
  const migrations = readMigrations(options.migrationsFolder ?? MIGRATIONS_FOLDER)
  const connected = connect(url, options, options.logger)
  const { db, pool } = connected
  try {
    await requireVersion(pool)
    const report = await migrate(url, migrations)
    const migrateMs = Math.round(performance.now() - startedMs)
    options.logger.info({ embedded: server.embedded, ...report, migrateMs }, 'database.ready')
  } catch (error) {
    await disconnect(connected)
    throw error instanceof AppError ? error : unreachable('The database cannot be opened', error)
  }
  return {
    db,
    url,
    embedded: server.embedded,
    stats: connected.stats,
    health: () => healthOf(pool, server.embedded),
    close: async () => {
      await disconnect(connected)
      await server.stop()
    },
  }
}

function unreachable(what: string, cause?: unknown): AppError {
  const reason = cause instanceof Error ? `: ${cause.message || codeOf(cause)}` : ''
  return new AppError('DATABASE_UNREACHABLE', what + reason, cause === undefined ? {} : { cause })
}

/** SQLSTATE classes that say "not now": connection exception, insufficient resources, operator intervention. */
const PASSING_CLASSES: readonly string[] = ['08', '53', '57']

/** True for what may be over soon: nobody listens, the network is down, the server is starting or full. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof AppError) || error.code !== 'DATABASE_UNREACHABLE') return false
  const { cause } = error
  return cause instanceof DatabaseError
    ? PASSING_CLASSES.includes(cause.code?.slice(0, 2) ?? '')
    : cause !== undefined
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL'
}
