import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Whom the server runs as when that is not this process's own user. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** `nobody`, by the number that it has almost everywhere. PostgreSQL wants a name for it in the system's list of users. */
const NOBODY: ServerUser = { uid: 65_534, gid: 65_534 }

/** PostgreSQL refuses to run as root: then it is `nobody`. Undefined means this process's own user. */
export function serverUser(): ServerUser | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined
}

/** True when this user may pass all folders above a file and read and run the file itself; of oneself it is taken for granted. */
export function isReachableBy(path: string, user: ServerUser | undefined): boolean {
  if (user === undefined) return true
  if (!hasBits(path, user, 0o5)) return false
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!hasBits(folder, user, 0o1)) return false
    if (folder === dirname(folder)) return true
  }
}

/** The three bits of the class that the user is in: owner, group, others. */
function hasBits(path: string, { uid, gid }: ServerUser, bits: number): boolean {
  const stat = statSync(path)
  const shift = stat.uid === uid ? 6 : stat.gid === gid ? 3 : 0
  return ((stat.mode >> shift) & bits) === bits
}
