import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes of a journal that nobody needs to have open; 0 where there is none. */
export async function journalOnDisk(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names
      .filter((name) => name.endsWith('.journal'))
      .map((name) =>
        stat(join(folder, name)).then(
          ({ size }) => size,
          // Removed meanwhile.
          () => 0,
        ),
      ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
