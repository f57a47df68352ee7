/**
 * The operators' decisions in a file of the data folder, so that the relay knows them from its first moment: before
 * the database is ready, and when it is gone.
 */
import { AppError } from '../kernel/index.ts'
import { readFileIfThere, writeFileWhole } from '../platform/index.ts'
import { type AccessListsData, EMPTY_ACCESS_LISTS } from './access-lists.ts'

interface AccessFile {
  readonly version: 1
  readonly lists: AccessListsData
}

/**
 * The lists as they were last saved; empty ones when they never were.
 *
 * @throws AppError ACCESS_FILE_DAMAGED: starting with empty lists would let in everybody who was banned.
 */
export async function loadAccessLists(path: string): Promise<AccessListsData> {
  const bytes = await readFileIfThere(path)
  if (bytes === undefined) return EMPTY_ACCESS_LISTS
  try {
    // Written by `saveAccessLists`; members that an older version did not know are empty.
    const { version, lists } = JSON.parse(bytes.toString()) as AccessFile
    if (version === 1) return { ...EMPTY_ACCESS_LISTS, ...lists }
  } catch (cause) {
    throw damaged(path, cause)
  }
  throw damaged(path)
}

/** Writes the lists; a crash leaves the old ones or the new ones. */
export function saveAccessLists(path: string, lists: AccessListsData): Promise<void> {
  const file: AccessFile = { version: 1, lists }
  return writeFileWhole(path, JSON.stringify(file))
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError(
    'ACCESS_FILE_DAMAGED',
    `${path} cannot be read. Bring it back from a backup, or remove it to start with nobody banned or allowed.`,
    { facts: { path }, ...(cause !== undefined && { cause }) },
  )
}
