import { createHash } from 'node:crypto'
import { chownSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../../kernel/index.ts'
import { pathForServer } from './child.ts'
import type { ServerUser } from './server-user.ts'

/** A socket's address holds 108 bytes, the last of them zero; macOS allows four less. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107
/** What PostgreSQL calls its socket. */
export const SOCKET_NAME = '.s.PGSQL.5432'

export interface SocketFolder {
  /** How we find it. */
  readonly path: string
  /** How the server, which is started in the cluster's folder, calls it. */
  readonly pathForServer: string
}

/**
 * The folder of the server's socket: the cluster's own, which its user alone may enter. When that path is longer than a
 * socket's may be, a private folder of the system's temporary ones, named by the cluster, so that a second program
 * looks in the same place.
 */
export function socketFolder(clusterFolder: string, user: ServerUser | undefined): SocketFolder {
  const length = Buffer.byteLength(join(clusterFolder, SOCKET_NAME))
  if (length <= MAX_SOCKET_PATH_BYTES) {
    return { path: clusterFolder, pathForServer: pathForServer(clusterFolder, user) }
  }
  const name = createHash('sha256').update(realpathSync(clusterFolder)).digest('hex').slice(0, 16)
  const path = join(tmpdir(), `stoa-postgres-${name}`)
  makePrivate(path, user)
  return { path, pathForServer: path }
}

function makePrivate(path: string, user: ServerUser | undefined): void {
  try {
    mkdirSync(path, { mode: 0o700 })
    if (user !== undefined) chownSync(path, user.uid, user.gid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  // Everybody may make folders there: one with this name that is not ours would be a trap.
  const stat = lstatSync(path)
  const owner = user?.uid ?? process.getuid?.()
  if (stat.isDirectory() && stat.uid === owner && (stat.mode & 0o077) === 0) return
  throw new AppError(
    'DATABASE_START_FAILED',
    `The folder ${path} is not private to the database's user; remove it, or use a data folder with a shorter path.`,
    { facts: { path } },
  )
}
