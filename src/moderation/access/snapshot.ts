import { copyFile } from 'node:fs/promises'
import { AppError } from '../../kernel/index.ts'
import { type AccessListsData, EMPTY_ACCESS_LISTS, loadAccessLists } from '../../relay/index.ts'

/** What a relay starts with, before the database has answered. */
export interface AccessSnapshot {
  readonly lists: AccessListsData
  /** The file could not be read: `lists` then lets nobody in until the database has said who is banned. */
  readonly isDamaged: boolean
}

/**
 * Reads the file that `Moderation` writes after each change. One that is damaged is kept beside it, as
 * `access.json.damaged`, and the relay begins in maintenance: the truth is in the database.
 */
export async function loadSnapshot(accessFile: string): Promise<AccessSnapshot> {
  try {
    return { lists: await loadAccessLists(accessFile), isDamaged: false }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ACCESS_FILE_DAMAGED') throw error
    await copyFile(accessFile, `${accessFile}.damaged`)
    return { lists: { ...EMPTY_ACCESS_LISTS, maintenance: true }, isDamaged: true }
  }
}
