import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { AppError } from '../../../kernel/index.ts'
import { childEnvironment, pathForServer, spawnIdentity } from './child.ts'
import { isAlive } from './processes.ts'
import type { PostgresProgram } from './program.ts'
import type { ServerUser } from './server-user.ts'

export interface DataFolder {
  readonly program: PostgresProgram
  readonly user: ServerUser | undefined
  /** Where the cluster is, or will be. */
  readonly folder: string
}

/** The role that owns everything in an embedded server. */
export const ROLE = 'stoa'

const DRAFT = /^(?<name>.*)\.new-(?<pid>\d+)$/

/**
 * Makes the cluster when there is none. `initdb` works in a draft beside it, which is then renamed: a kill in the
 * middle leaves a draft that the next start clears away, and never half a cluster. True when it was made now.
 */
export async function initialise({ program, user, folder }: DataFolder): Promise<boolean> {
  if (existsSync(join(folder, 'PG_VERSION'))) {
    requireSameMajor(folder, program.major)
    return false
  }
  clearDrafts(join(folder, '..'))
  const draft = `${folder}.new-${process.pid}`
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  if (user !== undefined) chownSync(draft, user.uid, user.gid)
  try {
    await runInitdb(program, user, draft)
    renameSync(draft, folder)
  } catch (error) {
    // Somebody else may have made it meanwhile; whose it is, is decided at the start of the server.
    if (!existsSync(join(folder, 'PG_VERSION'))) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  syncFolder(join(folder, '..'))
  return true
}

function requireSameMajor(folder: string, major: string): void {
  const written = readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim()
  if (written === major) return
  throw new AppError(
    'DATABASE_VERSION',
    `The database in ${folder} was written by PostgreSQL ${written}, and this program brings ${major}. Dump it with the older program and restore it into a new data folder.`,
    { facts: { folder, written, major } },
  )
}

/** Drafts of processes that died over them. */
function clearDrafts(parent: string): void {
  if (!existsSync(parent)) return
  for (const name of readdirSync(parent)) {
    const pid = DRAFT.exec(name)?.groups?.pid
    if (pid !== undefined && !isAlive(Number(pid)))
      rmSync(join(parent, name), { recursive: true, force: true })
  }
}

async function runInitdb(
  program: PostgresProgram,
  user: ServerUser | undefined,
  folder: string,
): Promise<void> {
  const child = spawn(
    program.initdb,
    [
      `--pgdata=${pathForServer(folder, user)}`,
      `--username=${ROLE}`,
      // Who may reach the socket, decides the folder that it is in: it is open to its owner alone.
      '--auth=trust',
      '--locale=C',
      '--encoding=UTF8',
      '--no-instructions',
    ],
    { cwd: folder, ...spawnIdentity(user), env: childEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const [complaint, code] = await Promise.all([text(child.stderr), exitCode(child)])
  if (code === 0) return
  throw new AppError(
    'DATABASE_START_FAILED',
    `initdb failed in ${folder}: ${complaint.trim() || `code ${code}`}`,
    {
      facts: { folder },
    },
  )
}

async function exitCode(child: ReturnType<typeof spawn>): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null]
  return code
}

/** Makes the rename itself durable. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
