import { createHash, hash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { ImportPosition } from './import-events.ts'

/** So much of a file's beginning tells it from another one of the same name. */
const FINGERPRINT_BYTES = 4096

const stateSchema = z.strictObject({
  file: z.string(),
  /** SHA-256 of the first bytes, and how many these were: a file that has grown since is still the same. */
  headSha256: z.string(),
  headBytes: z.int(),
  lines: z.int(),
  offset: z.int(),
})

export interface ImportState {
  /** Where an earlier import of the same file has come to; the beginning when there was none. */
  readonly resumeAt: ImportPosition
  save(position: ImportPosition): void
}

const BEGINNING: ImportPosition = { lines: 0, offset: 0 }

/**
 * Opens what is remembered of importing `file`, a small JSON file in the data folder. Losing it costs time only:
 * what is imported twice is a duplicate.
 *
 * @param file absolute path.
 */
export async function openImportState(dataDir: string, file: string): Promise<ImportState> {
  const path = join(dataDir, 'import', `${hash('sha256', file).slice(0, 16)}.json`)
  const saved = readState(path)
  const isSame = saved !== undefined && (await headHash(file, saved.headBytes)).sha256 === saved.headSha256
  const head = await headHash(file, FINGERPRINT_BYTES)
  return {
    resumeAt: isSame ? { lines: saved.lines, offset: saved.offset } : BEGINNING,
    save: (position) => {
      mkdirSync(dirname(path), { recursive: true })
      const state = { file, headSha256: head.sha256, headBytes: head.bytes, ...position }
      writeFileSync(`${path}.new`, `${JSON.stringify(state)}\n`)
      renameSync(`${path}.new`, path)
    },
  }
}

function readState(path: string): z.output<typeof stateSchema> | undefined {
  try {
    return stateSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data
  } catch {
    // Absent or unreadable: the import then starts at the beginning, which is only slower.
    return undefined
  }
}

async function headHash(file: string, length: number): Promise<{ sha256: string; bytes: number }> {
  await using handle = await open(file, 'r')
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(length), position: 0 })
  const sha256 = createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex')
  return { sha256, bytes: bytesRead }
}
