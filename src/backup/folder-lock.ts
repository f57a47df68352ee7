import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../kernel/index.ts'
import { PRIVATE_FILE } from './private-file.ts'

const LOCK = 'lock'
/** In a container every start has the same number, so the time of the start belongs to it. */
const SELF = `${process.pid} ${performance.timeOrigin}`

/**
 * Keeps a folder of backups for one writer. What a killed one has left is taken over.
 *
 * @returns how to give it back.
 * @throws AppError BACKUP_IN_USE
 */
export async function lockBackups(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, LOCK)
  const unlock = () => rm(path, { force: true })
  if (await tryLock(path)) return unlock
  await removeStale(path)
  if (await tryLock(path)) return unlock
  const message = `Another backup is being written to ${folder}. If that is not so, remove ${path}.`
  throw new AppError('BACKUP_IN_USE', message, { facts: { path } })
}

async function tryLock(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx', PRIVATE_FILE)
    await file.writeFile(SELF)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Removes the lock of a process that is no more. */
async function removeStale(path: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => '')
  const pid = Number.parseInt(holder, 10)
  if (holder === SELF || (pid > 0 && pid !== process.pid && isAlive(pid))) return
  await rm(path, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process is one, too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
