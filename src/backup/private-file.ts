import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A backup holds what the relay shows to nobody: only its owner may read it. */
export const PRIVATE_FILE = 0o600
export const PRIVATE_FOLDER = 0o700

/** Writes a whole small file; a crash leaves the old one or the new one. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.partial`
  try {
    await using file = await open(draft, 'w', PRIVATE_FILE)
    await file.writeFile(content)
    await file.sync()
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes names that were given in a folder survive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders, and needs nothing of the kind.
  if (process.platform === 'win32') return
  await using handle = await open(folder, 'r')
  await handle.sync()
}
