import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { outliveBrokenConnections } from '../connections.ts'

/** A database that a test may use, and what it may do to it. */
export interface TestDatabase {
  readonly url: string
  stop(): Promise<void>
}

/** A server of the test's own. */
export interface PostgresServer extends TestDatabase {
  /** Where it listens. */
  readonly socketPath: string
  /** Kills the server as a power cut would, without a word to anybody, and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same data. */
  start(): Promise<void>
}

/** Set it to the URL of another server, and the tests that need not kill one use that. */
const GIVEN_URL = process.env.STOA_TEST_POSTGRES_URL

const BIN = ['15', '16', '17', '18']
  .map((major) => `/usr/lib/postgresql/${major}/bin`)
  .find((folder) => existsSync(join(folder, 'initdb')))

/** Where files cost no waiting for a disk, if the system has such a place. */
const FAST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** PostgreSQL refuses to run as root; then it runs as nobody. */
const IDENTITY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

const START_TIMEOUT_MS = 20_000

/** Why there is no server for tests here; undefined when there is one. */
export const noServerBecause: string | undefined =
  BIN === undefined ? 'PostgreSQL is not installed in /usr/lib/postgresql' : undefined

/** Why there is no database for tests here; undefined when there is one. */
export const noDatabaseBecause: string | undefined = GIVEN_URL === undefined ? noServerBecause : undefined

/** The database that the environment names, or one of a server that is started for it. */
export async function openTestDatabase(): Promise<TestDatabase> {
  if (GIVEN_URL !== undefined) return { url: GIVEN_URL, stop: async () => {} }
  return startPostgres()
}

/** A fresh PostgreSQL in a folder of its own, on a socket in that folder. */
export async function startPostgres(): Promise<PostgresServer> {
  if (BIN === undefined) throw new Error(noServerBecause)
  const folder = mkdtempSync(join(FAST, 'stoa-pg-'))
  if (IDENTITY.uid !== undefined) chownSync(folder, IDENTITY.uid, IDENTITY.gid)
  const data = join(folder, 'data')
  const made = spawnSync(
    join(BIN, 'initdb'),
    ['-D', data, '-U', 'stoa', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { ...IDENTITY, cwd: folder },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr.toString()}`)
  const url = `postgres://stoa@/postgres?host=${encodeURIComponent(folder)}`
  let server: ChildProcess | undefined
  const ended = (child: ChildProcess) =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = async (signal: NodeJS.Signals) => {
    const child = server
    server = undefined
    if (child === undefined) return
    child.kill(signal)
    await ended(child)
  }
  const start = async () => {
    const options = ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'shared_buffers=64MB']
    const launch = () => spawn(join(BIN, 'postgres'), options, { ...IDENTITY, cwd: folder, stdio: 'ignore' })
    server = launch()
    await waitUntilReady(url, () => {
      // It gives up at once while sessions of a killed one are still ending.
      if (server !== undefined && server.exitCode !== null) server = launch()
    })
  }
  await start()
  return {
    url,
    socketPath: join(folder, '.s.PGSQL.5432'),
    start,
    kill: async () => {
      const sessions = childrenOf(server?.pid)
      await end('SIGKILL')
      // They would serve on for a moment.
      for (const pid of sessions) killIfThere(pid)
    },
    stop: async () => {
      await end('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The processes that a process has started. */
function childrenOf(pid: number | undefined): readonly number[] {
  if (pid === undefined) return []
  const listed = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)]).stdout.toString()
  return listed.split('\n').filter(Boolean).map(Number)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

async function waitUntilReady(url: string, onWaiting: () => void): Promise<void> {
  const startedMs = performance.now()
  for (;;) {
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (performance.now() - startedMs > START_TIMEOUT_MS) throw error
      await delay(50)
      onWaiting()
    }
  }
}

/** Connections of a test's own. */
export function openTestPool(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: 2 })
  outliveBrokenConnections(pool)
  return pool
}

/** A schema that nobody else uses. */
export function freshSchema(): string {
  return `events_${randomUUID().replaceAll('-', '')}`
}

export async function dropSchema(url: string, schema: string): Promise<void> {
  const client = new Client({ connectionString: url })
  // It may still be told that the server stops while it closes.
  client.on('error', () => {})
  await client.connect()
  await client.query(`drop schema if exists "${schema}" cascade`)
  await client.end()
}
