/** One file of the journal: a mark, then records of length, CRC-32 and bytes. It is written by one run of the program. */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

const MARK = Buffer.from('stoa observations 1\n')
const RECORD_HEAD_BYTES = 8

/** What a record takes on disk beside its bytes. */
export const RECORD_OVERHEAD_BYTES = RECORD_HEAD_BYTES

/** The end of a file as long as nobody has written to it. */
export const FIRST_RECORD_AT = MARK.length

export interface FoundRecord {
  readonly bytes: Buffer
  /** Where the next record begins. */
  readonly next: number
}

export async function createJournalFile(path: string): Promise<FileHandle> {
  const handle = await open(path, 'wx+', 0o600)
  try {
    await handle.write(MARK, 0, MARK.length, 0)
    return handle
  } catch (error) {
    await handle.close()
    await rm(path, { force: true })
    throw error
  }
}

/** The record on disk when this resolves; @returns where the next one begins. */
export async function writeRecord(handle: FileHandle, at: number, bytes: Buffer): Promise<number> {
  const head = Buffer.alloc(RECORD_HEAD_BYTES)
  head.writeUInt32LE(bytes.length, 0)
  head.writeUInt32LE(crc32(bytes), 4)
  const record = Buffer.concat([head, bytes])
  for (let written = 0; written < record.length; ) {
    const { bytesWritten } = await handle.write(record, written, record.length - written, at + written)
    written += bytesWritten
  }
  await handle.datasync()
  return at + record.length
}

/** Undefined where no whole record is: the end, or what a crash has left of one. */
export async function readRecord(handle: FileHandle, at: number): Promise<FoundRecord | undefined> {
  const { size } = await handle.stat()
  const head = Buffer.alloc(RECORD_HEAD_BYTES)
  if (at + RECORD_HEAD_BYTES > size || !(await readWhole(handle, head, at))) return undefined
  const length = head.readUInt32LE(0)
  const next = at + RECORD_HEAD_BYTES + length
  if (next > size) return undefined
  const bytes = Buffer.alloc(length)
  if (!(await readWhole(handle, bytes, at + RECORD_HEAD_BYTES)) || crc32(bytes) !== head.readUInt32LE(4)) {
    return undefined
  }
  return { bytes, next }
}

export async function hasMark(handle: FileHandle): Promise<boolean> {
  const mark = Buffer.alloc(MARK.length)
  return (await readWhole(handle, mark, 0)) && mark.equals(MARK)
}

async function readWhole(handle: FileHandle, into: Buffer, at: number): Promise<boolean> {
  for (let read = 0; read < into.length; ) {
    const { bytesRead } = await handle.read(into, read, into.length - read, at + read)
    if (bytesRead === 0) return false
    read += bytesRead
  }
  return true
}
