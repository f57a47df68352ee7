import { readFile } from 'node:fs/promises'

/** The bytes of a file; undefined when there is none. What else is in the way is thrown. */
export async function readFileIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
