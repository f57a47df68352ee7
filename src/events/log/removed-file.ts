import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { Bitmap } from './bitmap.ts'

/**
 * What a sealed segment knows of its removed events, kept beside it so that a start need not apply every
 * removal of the store's life again. Only a shortcut: without it, or when it is damaged, the records tell.
 */
export interface RemovedState {
  readonly removed: Bitmap
  /** Checksum of the index whose ordinals these are: an index that was built anew may count otherwise. */
  readonly indexChecksum: number
  /** All removals ordered up to this sequence number are in `removed`. */
  readonly throughSeq: number
}

/** Checksum of the rest, checksum of the index, sequence number. */
const HEADER_BYTES = 16

export function writeRemoved(path: string, { removed, indexChecksum, throughSeq }: RemovedState): void {
  const body = Buffer.alloc(12 + removed.bytes.length)
  body.writeUInt32LE(indexChecksum)
  body.writeDoubleLE(throughSeq, 4)
  body.set(removed.bytes, 12)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(crc32(body))
  const file = openSync(`${path}.tmp`, 'w')
  try {
    writeFileSync(file, Buffer.concat([checksum, body]))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.tmp`, path)
}

/** What the file knows about the index of that checksum; undefined when it is missing, damaged or about another. */
export function readRemoved(path: string, indexChecksum: number): RemovedState | undefined {
  if (!existsSync(path)) return undefined
  const bytes = readFileSync(path)
  if (bytes.length < HEADER_BYTES || crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0)) return undefined
  if (bytes.readUInt32LE(4) !== indexChecksum) return undefined
  const removed = new Bitmap(new Uint8Array(bytes.subarray(HEADER_BYTES)))
  return { removed, indexChecksum, throughSeq: bytes.readDoubleLE(8) }
}
