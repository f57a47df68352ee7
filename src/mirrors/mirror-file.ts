import { open, readFile, rename, rm } from 'node:fs/promises'
import { AppError } from '../kernel/index.ts'
import type { MirrorRecord, MirrorsState } from './mirror-state.ts'

interface MirrorFile {
  readonly version: 1
  readonly mirrors: readonly MirrorRecord[]
}

/**
 * Keeps what is known of mirrors in a file of the data folder. `load` throws `MIRRORS_FILE_DAMAGED` when it cannot be
 * read: without it mirrors that an operator has added or paused would be forgotten.
 */
export function mirrorFile(path: string): MirrorsState {
  return { load: () => loadMirrors(path), save: (records) => saveMirrors(path, records) }
}

async function loadMirrors(path: string): Promise<readonly MirrorRecord[]> {
  const text = await readIfThere(path)
  if (text === undefined) return []
  try {
    // Written by `saveMirrors`.
    const { version, mirrors } = JSON.parse(text) as MirrorFile
    if (version === 1 && Array.isArray(mirrors)) return mirrors
  } catch (cause) {
    throw damaged(path, cause)
  }
  throw damaged(path)
}

/** A crash leaves the old file or the new one. The address of a mirror may hold a secret, so the file is ours alone. */
async function saveMirrors(path: string, mirrors: readonly MirrorRecord[]): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`
  const file: MirrorFile = { version: 1, mirrors }
  try {
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(JSON.stringify(file))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError(
    'MIRRORS_FILE_DAMAGED',
    `${path} cannot be read. Bring it back from a backup, or remove it: mirrors then begin anew, and those added while running are gone.`,
    { facts: { path }, ...(cause !== undefined && { cause }) },
  )
}
