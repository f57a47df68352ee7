import { AppError } from '../kernel/index.ts'
import { readFileIfThere, writeFileWhole } from '../platform/index.ts'
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
  const bytes = await readFileIfThere(path)
  if (bytes === undefined) return []
  try {
    // Written by `saveMirrors`.
    const { version, mirrors } = JSON.parse(bytes.toString()) as MirrorFile
    if (version === 1 && Array.isArray(mirrors)) return mirrors
  } catch (cause) {
    throw damaged(path, cause)
  }
  throw damaged(path)
}

/** The address of a mirror may hold a secret, so the file is ours alone. */
function saveMirrors(path: string, mirrors: readonly MirrorRecord[]): Promise<void> {
  const file: MirrorFile = { version: 1, mirrors }
  return writeFileWhole(path, JSON.stringify(file))
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError(
    'MIRRORS_FILE_DAMAGED',
    `${path} cannot be read. Bring it back from a backup, or remove it: mirrors then begin anew, and those added while running are gone.`,
    { facts: { path }, ...(cause !== undefined && { cause }) },
  )
}
