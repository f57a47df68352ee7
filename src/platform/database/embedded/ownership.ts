/**
 * One program has an embedded database at a time. Who has it, holds an advisory lock in it over a session of its own,
 * so the lock goes with the program, however it ends. That no two servers run on one folder, PostgreSQL sees to itself.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { AppError } from '../../../kernel/index.ts'
import type { Logger } from '../../logging.ts'
import { ADVISORY_LOCKS } from '../advisory-locks.ts'
import { exists, isAlive, isGoneWithin, nameOf, startOf } from './processes.ts'
import { OWNER_PARAMETER } from './server.ts'
import { knock, openSession } from './session.ts'
import { SOCKET_NAME } from './socket-folder.ts'

/** The session of a program that was killed ends a moment after it. */
const LOCK_PATIENCE_MS = 2_000
const POLL_MS = 20
const BUSY_PATIENCE_MS = 120_000
const STOP_PATIENCE_MS = 30_000

/** Takes the lock for this program. Throws `DATABASE_LOCKED` when another one keeps it. */
export async function takeOwnership(socketPath: string, folder: string): Promise<Client> {
  const session = await openSession(socketPath)
  const deadlineMs = performance.now() + LOCK_PATIENCE_MS
  while (!(await tryLock(session))) {
    if (performance.now() > deadlineMs) {
      const owner = await ownerOf(session)
      await session.end()
      throw locked(folder, owner.pid)
    }
    await delay(POLL_MS)
  }
  return session
}

/**
 * Makes sure that no server runs on this folder. One that was left behind by a program that was killed is stopped;
 * one whose program lives makes it throw `DATABASE_LOCKED`.
 */
export async function stopLeftServer(socketPath: string, folder: string, logger: Logger): Promise<void> {
  if (!(await isThere(socketPath))) return disownDeadPid(socketPath, folder)
  const session = await takeOwnership(socketPath, folder)
  const owner = await ownerOf(session)
  // It may have been started this moment, and its program is about to ask for the lock.
  const isOrphan = !(isAlive(owner.pid) && startOf(owner.pid) === owner.startedAt)
  await session.end()
  if (!isOrphan) throw locked(folder, owner.pid)
  const pid = serverPid(folder)
  logger.warn({ pid }, 'database.left_server_stopped')
  if (pid !== undefined) await stopByPid(pid, folder)
}

async function isThere(socketPath: string): Promise<boolean> {
  const deadlineMs = performance.now() + BUSY_PATIENCE_MS
  for (;;) {
    const answer = await knock(socketPath)
    if (answer !== 'busy') return answer === 'answers'
    if (performance.now() > deadlineMs) {
      throw new AppError(
        'DATABASE_START_FAILED',
        `A server is busy at ${socketPath} for ${BUSY_PATIENCE_MS} ms.`,
      )
    }
    await delay(POLL_MS)
  }
}

async function tryLock(session: Client): Promise<boolean> {
  const { rows } = await session.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
    ADVISORY_LOCKS.embeddedOwner,
  ])
  return rows[0]?.taken === true
}

async function ownerOf(session: Client): Promise<{ readonly pid: number; readonly startedAt: string }> {
  const { rows } = await session.query<{ owner: string | null }>(
    'SELECT current_setting($1, true) AS owner',
    [OWNER_PARAMETER],
  )
  const [pid = '', startedAt = ''] = (rows[0]?.owner ?? '').split(':')
  return { pid: Number(pid), startedAt }
}

function locked(folder: string, pid: number): AppError {
  return new AppError('DATABASE_LOCKED', `The database in ${folder} is in use by process ${pid}.`, {
    facts: { folder, pid },
  })
}

/** The first line of `postmaster.pid`. */
function serverPid(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, 'postmaster.pid'), 'latin1').split('\n')[0])
    return Number.isInteger(pid) && pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

async function stopByPid(pid: number, folder: string): Promise<void> {
  if (!isPostgres(pid)) return
  process.kill(pid, 'SIGINT')
  if (await isGoneWithin(pid, STOP_PATIENCE_MS)) return
  throw new AppError(
    'DATABASE_START_FAILED',
    `The server that was left in ${folder} (process ${pid}) does not stop.`,
    {
      facts: { folder, pid },
    },
  )
}

/**
 * A server that was killed leaves its number, and by now that may be anybody's, or a zombie's that nobody buries;
 * PostgreSQL would take the folder for occupied. Where the system tells, such a number is replaced by ours: the server
 * knows its parent for no server, and still looks whether processes of the dead one are at the files (the last line).
 */
function disownDeadPid(socketPath: string, folder: string): void {
  const pid = serverPid(folder)
  if (pid === undefined || !exists(pid) || (isAlive(pid) && isPostgres(pid))) return
  const path = join(folder, 'postmaster.pid')
  const [, ...rest] = readFileSync(path, 'latin1').split('\n')
  writeFileSync(path, [process.pid, ...rest].join('\n'))
  // It holds the same number; that nobody answers at the socket, we know.
  rmSync(join(socketPath, `${SOCKET_NAME}.lock`), { force: true })
}

function isPostgres(pid: number): boolean {
  const name = nameOf(pid)
  return name === undefined || name === 'postgres'
}
