import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StartedContestant } from './contestant.ts'
import { Connection, type Target } from './load/connection.ts'
import { UsageError } from './options.ts'

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 15_000
const POLL_MS = 25
const LOG_TAIL_CHARACTERS = 1500

export interface RelayProcess {
  readonly pid: number
  /** From the start of the command to the first accepted WebSocket. */
  readonly startMs: number
  /** Stops it, with SIGKILL if SIGTERM takes more than 15 s, and empties its data. */
  stop(): Promise<void>
}

/** Throws what is wrong, with the URL in it, when no relay takes a WebSocket there. */
export async function requireRelay(url: string): Promise<void> {
  const connection = await Connection.open(parseTarget(url))
  connection.close()
}

/** The command that runs another on one core only; a process keeps the pid through it. */
export function pinned(
  core: number | undefined,
  command: string,
  args: readonly string[],
): [string, string[]] {
  return core === undefined ? [command, [...args]] : ['taskset', ['-c', String(core), command, ...args]]
}

/** Says what is missing for pinning before anything is started. */
export function requirePinning(cores: readonly number[]): void {
  if (spawnSync('taskset', ['--version']).error !== undefined) {
    throw new UsageError(
      'taskset is missing (Linux, package util-linux). Install it, or measure with --no-pin.',
    )
  }
  for (const core of cores) {
    if (spawnSync('taskset', ['-c', String(core), 'true']).status === 0) continue
    throw new UsageError(
      `Core ${core} cannot be used; ${availableParallelism()} are there. See --relay-core, --no-pin.`,
    )
  }
}

/** Starts a relay on empty data and waits until it takes a WebSocket. */
export async function startRelay(relay: StartedContestant, core: number | undefined): Promise<RelayProcess> {
  runCleanup(relay)
  await refuseTakenPort(relay)
  const logPath = join(tmpdir(), `stoa-bench-${process.pid}-${relay.name}.log`)
  const log = openSync(logPath, 'w')
  const startedMs = performance.now()
  const [command, args] = pinned(core, relay.command, relay.args)
  // A group of its own, so that whatever the command starts is stopped with it. Node raised the limit of open
  // files to the hard one when it started, and children inherit that.
  const child = spawn(command, args, { stdio: ['ignore', log, log], detached: true })
  closeSync(log)
  // However the bench ends, also while the relay is still starting, the relay does not outlive it.
  const killNow = () => signalGroup(child, 'SIGKILL')
  process.once('exit', killNow)
  const stop = async () => {
    await stopGroup(child)
    process.off('exit', killNow)
    rmSync(logPath, { force: true })
    runCleanup(relay)
  }
  try {
    await waitUntilOpen(relay, child, startedMs, logPath)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid!, startMs: performance.now() - startedMs, stop }
}

export function parseTarget(url: string): Target {
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'ws:')
    throw new UsageError(`"${url}" is not a ws:// URL; the bench speaks no TLS.`)
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(parsed.port || 80), path: parsed.pathname + parsed.search }
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('No port.')),
      )
    })
  })
}

async function waitUntilOpen(
  relay: StartedContestant,
  child: ChildProcess,
  startedMs: number,
  logPath: string,
) {
  let spawnError: Error | undefined
  child.once('error', (error) => {
    spawnError = error
  })
  while (performance.now() - startedMs < START_TIMEOUT_MS) {
    if (await canOpen(relay.url)) return
    if (spawnError !== undefined) throw new Error(`${relay.name} cannot be started: ${spawnError.message}.`)
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `${relay.name} ended at once (${child.exitCode ?? child.signalCode}):\n${tail(logPath)}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(
    `${relay.name} took no connection at ${relay.url} in ${START_TIMEOUT_MS / 1000} s:\n${tail(logPath)}`,
  )
}

async function canOpen(url: string): Promise<boolean> {
  try {
    await requireRelay(url)
    return true
  } catch {
    return false
  }
}

async function refuseTakenPort(relay: StartedContestant): Promise<void> {
  if (await canOpen(relay.url))
    throw new Error(`Something listens at ${relay.url} already: stop it to measure ${relay.name}.`)
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  signalGroup(child, 'SIGTERM')
  const kill = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(kill)
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It ended by itself in this moment.
  }
}

function runCleanup({ name, cleanup }: StartedContestant): void {
  const [command, ...args] = cleanup ?? []
  if (command === undefined) return
  const { status, error, stderr } = spawnSync(command, args)
  if (status !== 0)
    throw new Error(`The cleanup of ${name} failed: ${error?.message ?? stderr.toString().trim()}`)
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').slice(-LOG_TAIL_CHARACTERS).trim()
}
