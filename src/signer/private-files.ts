/** Small files that only their owner may read, and that are there whole or not at all. */
import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../kernel/index.ts'

const DRAFT_PREFIX = '.draft-'

/** A draft this old was left by a process that died. */
const STALE_DRAFT_MS = 60 * 60 * 1000

/** More than any of these files ever has. */
const MAX_FILE_BYTES = 64 * 1024

/** Makes the folder, for its owner alone, and clears away drafts that dead processes left in it. */
export async function preparePrivateFolder(folder: string, nowMs: number): Promise<void> {
  await storing(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(folder)) {
      if (name.startsWith(DRAFT_PREFIX)) await removeIfStale(join(folder, name), nowMs)
    }
  })
}

/**
 * Makes a file with its content in one step and on disk. False when there is one already: of several processes that
 * try at once exactly one succeeds, and the others can read what it wrote.
 */
export async function createPrivateFile(folder: string, name: string, text: string): Promise<boolean> {
  const path = join(folder, name)
  return storing(path, () =>
    withDraft(folder, text, async (draft) => {
      try {
        // A hard link and not a renaming, which would replace what another process has just put there.
        await link(draft, path)
      } catch (error) {
        if (hasCode(error, 'EEXIST')) return false
        // Such a file system (FAT, some network shares) cannot keep a file private either.
        throw hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS') ? noHardLinks(path, error) : error
      }
      await syncFolder(folder)
      return true
    }),
  )
}

/** Puts another content in the place of a file, in one step and on disk. */
export async function replacePrivateFile(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name)
  await storing(path, () =>
    withDraft(folder, text, async (draft) => {
      await rename(draft, path)
      await syncFolder(folder)
    }),
  )
}

/**
 * The content, or undefined when there is no such file. Throws `SIGNER_FILE_EXPOSED` when other users may read it or
 * put something else into it; Windows keeps its permissions elsewhere and is not asked.
 */
export async function readPrivateFile(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name)
  const file = await storing(path, () => open(path, 'r').catch(undefinedIfMissing))
  if (file === undefined) return undefined
  try {
    checkPrivate(await storing(path, () => file.stat()), path)
    return await storing(path, () => file.readFile('utf8'))
  } finally {
    await file.close()
  }
}

function checkPrivate(stats: Stats, path: string): void {
  if (!stats.isFile() || stats.size > MAX_FILE_BYTES) {
    throw new AppError('SIGNER_FILE_DAMAGED', `${path} is no file that this program wrote.`, {
      facts: { path },
    })
  }
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
    throw new AppError('SIGNER_FILE_EXPOSED', `Other users can reach ${path}: run chmod 600 ${path}`, {
      facts: { path, mode: (stats.mode & 0o777).toString(8) },
    })
  }
}

async function withDraft<T>(folder: string, text: string, use: (draft: string) => Promise<T>): Promise<T> {
  const draft = join(folder, `${DRAFT_PREFIX}${randomUUID()}`)
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    return await use(draft)
  } finally {
    await rm(draft, { force: true })
  }
}

/** So that the name survives a loss of power too. Windows cannot open a folder, and need not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function removeIfStale(draft: string, nowMs: number): Promise<void> {
  // Another process may be tidying too, or be finished with its draft.
  const stats = await lstat(draft).catch(undefinedIfMissing)
  if (stats !== undefined && nowMs - stats.mtimeMs > STALE_DRAFT_MS) await rm(draft, { force: true })
}

function undefinedIfMissing(error: unknown): undefined {
  if (hasCode(error, 'ENOENT')) return undefined
  throw error
}

async function storing<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('SIGNER_STORAGE_FAILED', `The key storage at ${path} failed: ${why}.`, {
      cause,
      facts: { path },
    })
  }
}

function noHardLinks(path: string, cause: unknown): AppError {
  return new AppError(
    'SIGNER_STORAGE_FAILED',
    `The file system of ${path} has no hard links: keep keys on another one, or hand the key in by a setting.`,
    { cause, facts: { path } },
  )
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code)
}
