import { DatabaseError, Pool, type PoolClient } from 'pg'
import type { PoolStats } from '../store.ts'
import type { Row, Statement } from './statement.ts'

/** Ways into the database. Reading and writing have their own, so that a crowd of readers does not hold up a writer. */
export interface Connections {
  readonly read: Pool
  readonly write: Pool
  close(): Promise<void>
}

export interface ConnectionSettings {
  readonly url: string
  readonly maxReaders: number
  /** A question that takes longer is given up. */
  readonly readTimeoutMs: number
}

const CONNECT_TIMEOUT_MS = 5_000
/** A group of events is written in milliseconds; this is for a database in trouble. */
const WRITE_TIMEOUT_MS = 30_000
/** The server gives up first and says why; behind this the network is taken for dead. */
const GRACE_MS = 5_000

export function openConnections({ url, maxReaders, readTimeoutMs }: ConnectionSettings): Connections {
  const common = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'stoa events',
    // Compiling a plan takes longer than any of ours runs. And pages are read by index, entry after entry: with the
    // default, made for turning disks, PostgreSQL would rather collect everything that an author wrote and sort it.
    options: '-c jit=off -c random_page_cost=1.1',
  }
  const read = new Pool({ ...common, max: maxReaders, ...timeouts(readTimeoutMs) })
  // Pipelined: the statements of a transaction travel together.
  const write = new Pool({ ...common, max: 1, pipeline: true, ...timeouts(WRITE_TIMEOUT_MS) })
  for (const pool of [read, write]) outliveBrokenConnections(pool)
  return {
    read,
    write,
    close: async () => {
      await Promise.all([read.end(), write.end()])
    },
  }
}

/**
 * A connection that breaks while idle is replaced by the next one; whoever uses one hears of it by the answer. One that
 * is being closed may still be told that the server stops.
 */
export function outliveBrokenConnections(pool: Pool): void {
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', () => {})
  })
}

function timeouts(milliseconds: number) {
  return { statement_timeout: milliseconds, query_timeout: milliseconds + GRACE_MS }
}

/** A pool of somebody else, who also closes it. */
export function borrowConnections(pool: Pool): Connections {
  return { read: pool, write: pool, close: async () => {} }
}

/** How full a pool is. */
export function poolStats({ totalCount, idleCount, waitingCount, options }: Pool): PoolStats {
  return { open: totalCount, idle: idleCount, waiting: waitingCount, limit: options.max }
}

/** Runs one statement; its rows. */
export async function rowsOf(via: Pool | PoolClient, statement: Statement): Promise<readonly Row[]> {
  const { text, values, name } = statement
  const result = await via.query<(string | null)[], unknown[]>({
    text,
    values: [...values],
    rowMode: 'array',
    types: AS_TEXT,
    ...(name !== undefined && { name }),
  })
  return result.rows
}

/** Values are read where they are used, by functions that know what they are. */
const AS_TEXT = { getTypeParser: () => (text: string | Buffer) => text }

/** Did the server refuse, or did the connection to it fail? */
export function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true
  const { code = '' } = error
  return code.startsWith('08') || SHUTTING_DOWN.has(code)
}

/** Is it worth while to try the same again? */
export function isTransient(error: unknown): boolean {
  return isConnectionFailure(error) || (error instanceof DatabaseError && CONTENDED.has(error.code ?? ''))
}

/** The server stops, has crashed, is starting, has ended this session, or has no connection left. */
const SHUTTING_DOWN: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '53300'])

/** Serialization failure, deadlock, lock not available: the same may work a moment later. */
const CONTENDED: ReadonlySet<string> = new Set(['40001', '40P01', '55P03'])

/** What an error says, fit for the operator's log: never the parameters. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
