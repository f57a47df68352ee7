/**
 * One process at a time. SoftHSM reads its files while another process writes them, so that processes that start
 * together find a token without a name or a PIN; and of tokens on a reader not every one bears being asked by two at once.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../kernel/index.ts'
import { loadKoffi } from './foreign.ts'

/** `flock(2)`: exclusive, and not waiting, which would keep a thread of the pool from those that have the lock. */
const LOCK_EX_NB = 2 | 4

const RETRY_MS = 10

/** Another process that holds the lock for so long hangs in a call to its token. */
const MAX_WAIT_MS = 30_000

/** Takes the lock of an open folder: 0, or the `errno` that says why not. */
type TakeLock = (fd: number) => number

/** Does something while no other process does anything with the same folder. A process that dies lets go by that. */
export async function withFolderLock<T>(folder: string, act: () => Promise<T>, take?: TakeLock): Promise<T> {
  takeByFlock ??= declareFlock()
  const lock = take ?? (await takeByFlock)
  const handle = await openFolder(folder)
  try {
    for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
      const errno = lock(handle.fd)
      if (errno === 0) break
      if (errno !== constants.errno.EWOULDBLOCK) throw cannotLock(folder, errno)
      if (waitedMs >= MAX_WAIT_MS) throw heldTooLong(folder)
      await delay(RETRY_MS)
    }
    return await act()
  } finally {
    // Nobody else has this description of the open folder, so the lock ends with it.
    await handle.close()
  }
}

/** Of this process: the library is loaded, and its function declared, once. */
let takeByFlock: Promise<TakeLock> | undefined

async function declareFlock(): Promise<TakeLock> {
  const koffi = await loadKoffi()
  const flock = koffi.load(null).func('int flock(int fd, int operation)')
  return (fd) => (Number(flock(fd, LOCK_EX_NB)) === 0 ? 0 : koffi.errno())
}

async function openFolder(folder: string): Promise<FileHandle> {
  try {
    return await open(folder, 'r')
  } catch (cause) {
    throw new AppError('SIGNER_STORAGE_FAILED', `The key folder ${folder} cannot be opened.`, {
      cause,
      facts: { path: folder },
    })
  }
}

function cannotLock(folder: string, errno: number): AppError {
  const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
  return new AppError(
    'SIGNER_STORAGE_FAILED',
    `The key folder ${folder} cannot be locked (${name}): put it on a file system that has locks.`,
    { facts: { path: folder, errno: name } },
  )
}

function heldTooLong(folder: string): AppError {
  return new AppError(
    'SIGNER_TOKEN_UNAVAILABLE',
    `Another process has used the token with the keys in ${folder} for ${MAX_WAIT_MS / 1000} s: see whether it hangs.`,
    { facts: { folder, waitedMs: MAX_WAIT_MS } },
  )
}
