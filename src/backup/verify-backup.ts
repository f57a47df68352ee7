import { AppError } from '../kernel/index.ts'
import { damageOf } from './content.ts'
import { backupNames, type ContentEntry, contentOf, type Manifest, readManifest } from './manifest.ts'

export interface Damage {
  /** The backup that needs it: the newest of them. */
  readonly backup: string
  /** In the folder `content`, or the manifest itself. */
  readonly file: string
  /** `is missing`, `has other content than was written` */
  readonly what: string
}

export interface VerifyReport {
  readonly backups: readonly string[]
  readonly files: number
  readonly bytes: number
  readonly damages: readonly Damage[]
}

/**
 * Reads every file of a backup, or of all that are in the folder, and compares it with its manifest.
 *
 * @throws AppError BACKUP_NOT_FOUND when there is nothing to look at.
 */
export async function verifyBackups(
  folder: string,
  name?: string,
  onProgress?: (bytes: number, ofBytes: number) => void,
): Promise<VerifyReport> {
  const backups = name === undefined ? await backupNames(folder) : [name]
  if (backups.length === 0) throw new AppError('BACKUP_NOT_FOUND', `There is no backup in ${folder}.`)
  const damages: Damage[] = []
  const entries = new Map<string, { readonly backup: string; readonly entry: ContentEntry }>()
  for (const backup of backups) {
    const manifest = await readable(folder, backup, damages)
    if (manifest === undefined) continue
    for (const entry of contentOf(manifest)) entries.set(entry.file, { backup, entry })
  }
  const all = [...entries.values()]
  const ofBytes = all.reduce((sum, { entry }) => sum + entry.bytes, 0)
  let bytes = 0
  for (const { backup, entry } of all) {
    const what = await damageOf(folder, entry)
    if (what !== undefined) damages.push({ backup, file: entry.file, what })
    bytes += entry.bytes
    onProgress?.(bytes, ofBytes)
  }
  return { backups, files: all.length, bytes, damages }
}

async function readable(folder: string, backup: string, damages: Damage[]): Promise<Manifest | undefined> {
  try {
    return await readManifest(folder, backup)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'BACKUP_DAMAGED') throw error
    damages.push({ backup, file: `${backup}.json`, what: 'is not as the program wrote it' })
    return undefined
  }
}
