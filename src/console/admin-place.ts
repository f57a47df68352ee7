/** Where the socket for the command line is. Both sides of it agree here. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** A path of a Unix socket has so many bytes on every system (macOS has the fewest). */
const MAX_SOCKET_PATH_BYTES = 103

/** The socket of a data folder; undefined when its path would be too long, and it has to be elsewhere. */
export function adminSocketIn(dataDir: string): string | undefined {
  if (process.platform === 'win32') {
    const digest = createHash('sha256').update(resolve(dataDir).toLowerCase()).digest('hex')
    return `\\\\.\\pipe\\stoa-admin-${digest.slice(0, 32)}`
  }
  const path = join(resolve(dataDir), 'admin.sock')
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES ? path : undefined
}

/** Holds the place of a socket that could not be in the data folder. */
export function adminPathFile(dataDir: string): string {
  return join(resolve(dataDir), 'admin.path')
}

/** Where the program that runs on this data folder can be spoken to; undefined when none has said. */
export async function findAdminSocket(dataDir: string): Promise<string | undefined> {
  return adminSocketIn(dataDir) ?? (await readIfPossible(adminPathFile(dataDir)))
}

async function readIfPossible(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return undefined
  }
}
