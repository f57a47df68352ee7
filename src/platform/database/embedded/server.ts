import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../../kernel/index.ts'
import type { Logger } from '../../logging.ts'
import { childEnvironment, pathForServer, spawnIdentity } from './child.ts'
import type { DataFolder } from './data-folder.ts'
import { startOf } from './processes.ts'
import { knock } from './session.ts'
import type { SocketFolder } from './socket-folder.ts'

/** The parameter by which a running server says whose child it is: process number and start. */
export const OWNER_PARAMETER = 'stoa.owner'

/** What the server writes when another one has the folder. */
const FOLDER_IN_USE = /lock file ".*" already exists|pre-existing shared memory block/

/** What it says to whoever knocks too early, as we do. */
const NOT_YET =
  /the database system is (starting up|not yet accepting connections|shutting down|in recovery mode)/

/** How a start may end without a fault. */
export type Started = { readonly server: Server } | { readonly folderInUse: string }

export interface Server {
  readonly pid: number
  /** Resolves when the process is gone, whatever the reason, with what it said last. */
  readonly exited: Promise<string>
  /** Fast shutdown: transactions are aborted, everything that was committed is written. Resolves when it is gone. */
  stop(): Promise<void>
}

/** Recovery after a crash reads back the log since the last checkpoint; that is at most a gigabyte. */
const READY_TIMEOUT_MS = 120_000
const READY_POLL_MS = 10
const FAST_STOP_TIMEOUT_MS = 30_000
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000
const REMEMBERED_LINES = 20

/** Starts `postgres` on a cluster and waits until it answers. `fsync` is on, as it is unless somebody turns it off. */
export async function startServer(data: DataFolder, socket: SocketFolder, logger: Logger): Promise<Started> {
  const child = spawn(data.program.postgres, serverArguments(data, socket), {
    cwd: data.folder,
    ...spawnIdentity(data.user),
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own: Ctrl-C is for us, and the server stops when we have finished with it.
    detached: true,
  })
  const exited = superviseOutput(child, logger)
  const state: { exit?: string } = {}
  void exited.then((lines) => {
    state.exit = lines
  })
  await untilReady(socket, state)
  if (state.exit !== undefined) {
    if (FOLDER_IN_USE.test(state.exit)) return { folderInUse: state.exit }
    throw new AppError('DATABASE_START_FAILED', `PostgreSQL did not start in ${data.folder}: ${state.exit}`, {
      facts: { folder: data.folder },
    })
  }
  // A process that ends without a word (a fault nobody caught) takes its server along.
  const endWithUs = () => void child.kill('SIGINT')
  process.once('exit', endWithUs)
  void exited.then(() => process.off('exit', endWithUs))
  return { server: { pid: child.pid!, exited, stop: () => stop(child, exited) } }
}

function serverArguments({ folder, user }: DataFolder, socket: SocketFolder): readonly string[] {
  const parameters = {
    listen_addresses: '',
    unix_socket_directories: quoted(socket.pathForServer),
    unix_socket_permissions: '0700',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '',
    // Statements may hold what people wrote.
    log_min_error_statement: 'panic',
    [OWNER_PARAMETER]: `${process.pid}:${startOf(process.pid)}`,
  }
  return [
    '-D',
    pathForServer(folder, user),
    ...Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}

/** One entry of a list of names: in quotes it may hold commas and spaces. */
function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`
}

/** Hands the server's lines to the log, and keeps the last ones for whoever asks why it ended. */
async function superviseOutput(child: ChildProcess, logger: Logger): Promise<string> {
  const last: string[] = []
  const lines = createInterface(child.stderr!)
  lines.on('line', (line) => {
    last.push(line)
    if (last.length > REMEMBERED_LINES) last.shift()
    const level = /^(FATAL|PANIC|WARNING):/.test(line) && !NOT_YET.test(line) ? 'warn' : 'debug'
    logger[level]({ line }, 'database.server_says')
  })
  try {
    await Promise.all([once(child, 'exit'), once(lines, 'close')])
  } catch (error) {
    // It could not even be started.
    return error instanceof Error ? error.message : String(error)
  }
  const words = last.filter((line) => /^(FATAL|PANIC|HINT|DETAIL|postgres:|.*error)/.test(line))
  return (words.length > 0 ? words : last).join(' ') || `exit code ${child.exitCode ?? child.signalCode}`
}

async function untilReady(socket: SocketFolder, state: { readonly exit?: string }): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  while (state.exit === undefined) {
    if ((await knock(socket.path)) === 'answers') return
    if (performance.now() > deadlineMs) {
      throw new AppError('DATABASE_START_FAILED', `PostgreSQL does not answer after ${READY_TIMEOUT_MS} ms.`)
    }
    await delay(READY_POLL_MS)
  }
}

async function stop(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGINT')
  if (await settlesWithin(exited, FAST_STOP_TIMEOUT_MS)) return
  child.kill('SIGQUIT')
  if (await settlesWithin(exited, IMMEDIATE_STOP_TIMEOUT_MS)) return
  child.kill('SIGKILL')
  await exited
}

async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController()
  try {
    return await Promise.race([promise.then(() => true), delay(timeoutMs, false, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}
