import { crc32 } from 'node:zlib'

/**
 * A record of a segment file:
 *
 * | bytes | what |
 * |---|---|
 * | 4 | magic, to find the next record behind a damaged one |
 * | 4 | CRC-32 of everything behind this field |
 * | 4 | length of the JSON in bytes (0 in a removal) |
 * | 4 | sequence number of the event |
 * | 4 | number of ids that this record removes |
 * | 32 each | these ids |
 * | … | the event's canonical JSON |
 *
 * The removals stand in the record of the event that causes them, so that one checksum covers both: after a
 * crash either the new version is there and the old one gone, or neither happened.
 */
export const RECORD_HEADER_BYTES = 20

const MAGIC = 0x414f5453 // "STOA" on disk
const ID_BYTES = 32

export interface RecordPosition {
  /** Where the record begins in the segment. */
  readonly start: number
  readonly end: number
  readonly jsonStart: number
  readonly jsonLength: number
  readonly seq: number
  readonly removalCount: number
}

export function recordLength(jsonLength: number, removalCount: number): number {
  return RECORD_HEADER_BYTES + removalCount * ID_BYTES + jsonLength
}

/** Where the JSON begins in a record that starts at `start`. */
export function jsonOffset(start: number, removalCount: number): number {
  return start + RECORD_HEADER_BYTES + removalCount * ID_BYTES
}

/**
 * Writes a record at `at`; returns its end. The caller made sure that it fits.
 *
 * @param json canonical event JSON, or an empty array for a record that only removes.
 * @param removes ids as 64-character hex.
 */
export function writeRecord(
  target: Buffer,
  at: number,
  record: { readonly json: Uint8Array; readonly seq: number; readonly removes: readonly string[] },
): number {
  const { json, seq, removes } = record
  target.writeUInt32LE(MAGIC, at)
  target.writeUInt32LE(json.length, at + 8)
  target.writeUInt32LE(seq, at + 12)
  target.writeUInt32LE(removes.length, at + 16)
  let position = at + RECORD_HEADER_BYTES
  for (const id of removes) position += target.write(id, position, ID_BYTES, 'hex')
  target.set(json, position)
  position += json.length
  target.writeUInt32LE(crc32(target.subarray(at + 8, position)), at + 4)
  return position
}

/** The record at `start` if a whole and undamaged one is there, else undefined. */
export function readRecord(bytes: Buffer, start: number, limit: number): RecordPosition | undefined {
  if (start + RECORD_HEADER_BYTES > limit || bytes.readUInt32LE(start) !== MAGIC) return undefined
  const position = recordAt(bytes, start)
  if (position.end > limit) return undefined
  return crc32(bytes.subarray(start + 8, position.end)) === bytes.readUInt32LE(start + 4)
    ? position
    : undefined
}

/** The record at `start`, trusting its header. */
export function recordAt(bytes: Buffer, start: number): RecordPosition {
  const jsonLength = bytes.readUInt32LE(start + 8)
  const removalCount = bytes.readUInt32LE(start + 16)
  const jsonStart = jsonOffset(start, removalCount)
  return {
    start,
    end: jsonStart + jsonLength,
    jsonStart,
    jsonLength,
    seq: bytes.readUInt32LE(start + 12),
    removalCount,
  }
}

/** The ids that a record removes, as hex. */
export function removalsOf(bytes: Buffer, record: RecordPosition): string[] {
  const ids: string[] = []
  for (let index = 0; index < record.removalCount; index++) {
    const at = record.start + RECORD_HEADER_BYTES + index * ID_BYTES
    ids.push(bytes.toString('hex', at, at + ID_BYTES))
  }
  return ids
}

export interface ScanReport {
  /** Everything up to here is records or damage between records; behind it nothing is readable. */
  readonly end: number
  /** Ranges that hold no readable record although readable ones follow. */
  readonly damaged: readonly { readonly from: number; readonly to: number }[]
}

/**
 * Walks all records of a segment, skipping damage: behind a bad record it looks for the next one that is
 * whole. What follows the last whole record is a torn tail (or never written) and is left to the caller.
 */
export function scanRecords(
  bytes: Buffer,
  from: number,
  limit: number,
  visit: (record: RecordPosition) => void,
): ScanReport {
  const damaged: { from: number; to: number }[] = []
  let at = from
  let end = from
  while (at < limit) {
    const record = readRecord(bytes, at, limit)
    if (record !== undefined) {
      if (at > end) damaged.push({ from: end, to: at })
      visit(record)
      at = record.end
      end = at
      continue
    }
    at = nextMagic(bytes, at + 1, limit)
  }
  return { end, damaged }
}

const MAGIC_BYTES = (() => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(MAGIC)
  return bytes
})()

function nextMagic(bytes: Buffer, from: number, limit: number): number {
  const found = bytes.indexOf(MAGIC_BYTES, from)
  return found === -1 || found >= limit ? limit : found
}
