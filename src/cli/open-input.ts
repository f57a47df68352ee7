import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { AppError } from '../kernel/index.ts'

export interface EventInput {
  /** The bytes, decompressed, from the offset asked for. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Size of the file as it lies on disk; undefined for a pipe. */
  readonly sizeBytes: number | undefined
  /** How much of those was read by now. */
  readBytes(): number
}

type Compression = 'none' | 'gzip' | 'zstd'

const MAGIC_BYTES = 4

/** Tells how something is compressed by its first bytes; its name does not count. */
export function compressionOf(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, MAGIC_BYTES)).toString('hex')
  if (hex.startsWith('1f8b')) return 'gzip'
  return hex === '28b52ffd' ? 'zstd' : 'none'
}

/**
 * Opens a file of events. A plain one is entered at `startOffset`; a compressed one has to be read up to there.
 *
 * @param startOffset in bytes of the decompressed content.
 * @throws AppError IMPORT_FAILED when the file cannot be opened.
 */
export async function openFileInput(path: string, startOffset: number): Promise<EventInput> {
  const { head, sizeBytes } = await lookInto(path)
  const compression = compressionOf(head)
  const isPlain = compression === 'none'
  const file = createReadStream(path, { start: isPlain ? startOffset : 0, highWaterMark: 256 * 1024 })
  return {
    bytes: isPlain ? file : skipBytes(decompressed(file, compression), startOffset),
    sizeBytes,
    readBytes: () => file.bytesRead + (isPlain ? startOffset : 0),
  }
}

/** Opens a pipe. */
export async function openPipeInput(source: NodeJS.ReadableStream): Promise<EventInput> {
  let readBytes = 0
  const chunks = asBytes(source, (length) => {
    readBytes += length
  })
  const { head, all } = await peek(chunks)
  const compression = compressionOf(head)
  const bytes = compression === 'none' ? all : decompressed(Readable.from(all), compression)
  return { bytes, sizeBytes: undefined, readBytes: () => readBytes }
}

/** @throws AppError IMPORT_FAILED when the file is not there or may not be read. */
export async function requireReadable(path: string): Promise<void> {
  await lookInto(path)
}

async function lookInto(path: string): Promise<{ head: Uint8Array; sizeBytes: number }> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAGIC_BYTES), position: 0 })
    return { head: buffer.subarray(0, bytesRead), sizeBytes: (await file.stat()).size }
  } catch (cause) {
    throw new AppError('IMPORT_FAILED', `${path} cannot be read.`, { cause, facts: { path } })
  }
}

function decompressed(source: Readable, compression: 'gzip' | 'zstd'): AsyncIterable<Uint8Array> {
  const decompressor = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  // An error of either end destroys the other, and comes out of the iteration; there is nothing left to do here.
  pipeline(source, decompressor, () => undefined)
  return decompressor
}

async function* asBytes(
  source: NodeJS.ReadableStream,
  count: (length: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    count(bytes.length)
    yield bytes
  }
}

/** Reads the first bytes and gives them back together with the rest. */
async function peek(
  chunks: AsyncGenerator<Uint8Array>,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array> }> {
  let head = Buffer.alloc(0)
  while (head.length < MAGIC_BYTES) {
    const { value, done } = await chunks.next()
    if (done === true) break
    head = Buffer.concat([head, value])
  }
  return { head, all: headThenRest(head, chunks) }
}

async function* headThenRest(head: Buffer, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head
  yield* rest
}

async function* skipBytes(chunks: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left)
    left = Math.max(0, left - chunk.length)
  }
}
