import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { type PostgresProgram, serverUser } from '../embedded/index.ts'
import { isAlive } from '../embedded/processes.ts'
import { chosenPostgres, type PostgresUnderTest, programUnderTest } from './postgres-under-test.ts'
import { copyPreparedCluster } from './prepared-cluster.ts'

/** A PostgreSQL server of a test's own, as an operator would run one. It goes with the process of the test, however that ends. */
export interface TestServer {
  /** Of a database on it; `postgres` is always there. */
  url(database?: string): string
  /** Starts it again after `shutDown` or `kill`. */
  start(): Promise<void>
  /** As an operator stops it: connections are cut, everything committed is written. */
  shutDown(): Promise<void>
  /** Kills the main process of the server as `kill -9` does. */
  kill(): Promise<void>
  /** Ends it and removes its files. */
  close(): Promise<void>
}

const ROLE = 'stoa'
const START_TIMEOUT_MS = 20_000
const POLL_MS = 10

/**
 * Waits for the end of its standard input, which comes with the end of the test's process, and then ends the server; the
 * files go when the first argument is not empty.
 */
const KEEPER = `
doomed=$1; shift
"$@" &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
[ -z "$doomed" ] || rm -rf "$doomed"
`

/** Makes a cluster in a temporary folder and starts a server on it. It does not wait for the disk: nothing outlives the test. */
export async function startTestServer(which: PostgresUnderTest = chosenPostgres()): Promise<TestServer> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'stoa-pg-')))
  const user = serverUser()
  if (user !== undefined) chownSync(root, user.uid, user.gid)
  const program = programUnderTest(which, root)
  if (program === undefined) throw new Error(`There is no PostgreSQL of the kind ${which} here.`)
  const folder = join(root, 'cluster')
  await copyPreparedCluster({ program, user, folder })
  let keeper = await startKeeper(program, folder, root)
  const end = async (running: ChildProcess) => {
    if (running.exitCode !== null || running.signalCode !== null) return
    const ended = once(running, 'exit')
    running.stdin!.end()
    await ended
  }
  const signal = async (name: NodeJS.Signals) => {
    const pid = Number(readFileSync(join(folder, 'postmaster.pid'), 'latin1').split('\n')[0])
    process.kill(pid, name)
    while (isAlive(pid)) await delay(POLL_MS)
  }
  return {
    url: (database = 'postgres') => urlOf(folder, database),
    start: async () => {
      keeper = await startKeeper(program, folder, root)
    },
    shutDown: () => signal('SIGINT'),
    kill: () => signal('SIGKILL'),
    close: async () => {
      await end(keeper)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

function urlOf(folder: string, database: string): string {
  return `postgresql://${ROLE}@${encodeURIComponent(folder)}/${database}`
}

async function startKeeper(program: PostgresProgram, folder: string, root: string): Promise<ChildProcess> {
  const user = serverUser()
  const keeper = spawn(
    '/bin/sh',
    [
      '-c',
      KEEPER,
      'keeper',
      root,
      program.postgres,
      '-D',
      folder,
      ...[
        'listen_addresses=',
        `unix_socket_directories=${folder}`,
        'fsync=off',
        'max_connections=60',
      ].flatMap((parameter) => ['-c', parameter]),
    ],
    { ...user, stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  )
  // It must not keep a test's process alive: its end is what the keeper waits for.
  keeper.unref()
  if (keeper.stdin !== null && 'unref' in keeper.stdin) (keeper.stdin as unknown as { unref(): void }).unref()
  await untilItAnswers(urlOf(folder, 'postgres'))
  return keeper
}

async function untilItAnswers(url: string): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await delay(POLL_MS)
    }
  }
}
