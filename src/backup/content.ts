/** The files that manifests name: lines, compressed by zstd, under a name that holds their SHA-256. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { AppError } from '../kernel/index.ts'
import { CONTENT_FOLDER, type ContentEntry } from './manifest.ts'
import { PRIVATE_FILE, syncFolder } from './private-file.ts'

const READ_BYTES = 256 * 1024
const LINE_FEED = 0x0a
/** Ends the names of files that are being written. */
export const PARTIAL = '.partial'

/**
 * Writes a file and resolves when it is on disk under its name. On the way it has another name, and what is left of that by
 * a crash is removed by the next backup.
 *
 * @param label begins its name: letters, digits, `.`, `_`, `-`.
 */
export async function writeContent(
  folder: string,
  label: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<ContentEntry> {
  const contentFolder = join(folder, CONTENT_FOLDER)
  const draft = join(contentFolder, `${label}${PARTIAL}`)
  const meter = new Meter()
  try {
    const out = createWriteStream(draft, { flush: true, mode: PRIVATE_FILE })
    const source = Readable.from(bytes, { objectMode: true, highWaterMark: 2 })
    await pipeline(source, createZstdCompress(), meter, out, { signal })
    const sha256 = meter.hash.digest('hex')
    const file = `${label}-${sha256.slice(0, 32)}.zst`
    await rename(draft, join(contentFolder, file))
    await syncFolder(contentFolder)
    return { file, bytes: meter.bytes, sha256 }
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** Counts and hashes what passes through. */
class Meter extends Transform {
  readonly hash = createHash('sha256')
  bytes = 0

  override _transform(chunk: Buffer, _: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.hash.update(chunk)
    this.bytes += chunk.length
    done(null, chunk)
  }
}

/** What is the matter with a file, in words; undefined when it is as it was written. */
export async function damageOf(folder: string, entry: ContentEntry): Promise<string | undefined> {
  const path = join(folder, CONTENT_FOLDER, entry.file)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return 'is missing'
  if (found.size !== entry.bytes) return `has ${found.size} bytes instead of ${entry.bytes}`
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk)
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
  return hash.digest('hex') === entry.sha256 ? undefined : 'has other content than was written'
}

/**
 * The lines of a file, those of a chunk together, without their line breaks.
 *
 * @throws AppError BACKUP_DAMAGED when it cannot be decompressed or its last line has no end.
 */
export async function* readLinesOf(
  folder: string,
  { file }: ContentEntry,
): AsyncGenerator<readonly Buffer[]> {
  const path = join(folder, CONTENT_FOLDER, file)
  const decompressor = createZstdDecompress()
  const piped = pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), decompressor)
  // It comes out of the iteration as well, which is where it is dealt with.
  piped.catch(() => undefined)
  let rest: Buffer[] = []
  try {
    for await (const chunk of decompressor) {
      const { lines, tail } = cutLines(rest, chunk)
      rest = tail
      if (lines.length > 0) yield lines
    }
  } catch (cause) {
    throw new AppError('BACKUP_DAMAGED', `${path} cannot be read.`, { cause, facts: { path } })
  }
  if (rest.some(({ length }) => length > 0)) {
    throw new AppError('BACKUP_DAMAGED', `${path} ends in the middle of a line.`, { facts: { path } })
  }
}

/** @param rest the beginning of the first line, in pieces. */
function cutLines(rest: readonly Buffer[], chunk: Buffer): { lines: Buffer[]; tail: Buffer[] } {
  const lines: Buffer[] = []
  let head = rest
  let start = 0
  for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
    const piece = chunk.subarray(start, end)
    lines.push(head.length === 0 ? piece : Buffer.concat([...head, piece]))
    head = []
    start = end + 1
  }
  return { lines, tail: [...head, chunk.subarray(start)] }
}
