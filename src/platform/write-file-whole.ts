import { open, rename, rm } from 'node:fs/promises'

/** Writes a file that only this user may read; a crash leaves the old content or the new, and nothing in between. */
export async function writeFileWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`
  try {
    const handle = await open(draft, 'w', 0o600)
    try {
      await handle.writeFile(text)
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
