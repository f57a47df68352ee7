import { compareBytes, HEX_ID_LENGTH, idPosition, pubkeyPosition } from './event-bytes.ts'
import type { IndexKey } from './index-key.ts'
import { jsonOffset } from './record.ts'
import type { SegmentBytes } from './segment-bytes.ts'

/**
 * A part of the log with its index. Events have ordinals from 0 to `count - 1`; what an ordinal means is the
 * segment's own business. Removed events keep their ordinal until compaction drops them.
 */
export interface Segment {
  readonly id: number
  readonly bytes: SegmentBytes
  readonly count: number
  readonly removedCount: number
  /** Bounds of `created_at`, in seconds, over all events, removed ones too. */
  readonly oldest: number
  readonly newest: number
  /** Bounds of the sequence numbers. */
  readonly firstSeq: number
  readonly lastSeq: number
  readonly hasExpirations: boolean
  readonly memoryBytes: number
  /** So many of its events a request to vanish (NIP-62) has reached and its file may hold: reason to write it anew. */
  vanishedCount: number
  createdAtOf(ordinal: number): number
  kindOf(ordinal: number): number
  seqOf(ordinal: number): number
  /** Seconds; 0 for never. */
  expirationOf(ordinal: number): number
  /** Where the event's record begins in `bytes`. */
  recordStartOf(ordinal: number): number
  isRemoved(ordinal: number): boolean
  /** Marks as removed; false when it was already. */
  remove(ordinal: number): boolean
  /** Takes a removal back, for a group that could not be written. */
  restore(ordinal: number): void
  /**
   * The ordinals of the events with this id; several when an id was removed and came back.
   * @param id holds 64 hex characters at `at`.
   */
  ordinalsOf(id: Buffer, at: number): readonly number[]
  /** Visits the first four bytes of every id, removed ones too, in any order. */
  forEachIdPrefix(visit: (prefix: number) => void): void
  /** The events filed under a key, or undefined when there is none. */
  find(key: IndexKey): Postings | undefined
  /** All events, newest first. */
  all(): Postings
  /** Ordinals of events whose expiration is at or before `nowSeconds`. */
  expiredBy(nowSeconds: number): readonly number[]
}

/** A column of numbers, in memory or read by page. */
export interface Column {
  readonly length: number
  at(index: number): number
}

export class MemoryColumn implements Column {
  readonly array: Uint32Array | Float64Array | Uint16Array
  constructor(array: Uint32Array | Float64Array | Uint16Array) {
    this.array = array
  }
  get length(): number {
    return this.array.length
  }
  at(index: number): number {
    return this.array[index]!
  }
}

/** Each index is its own value. */
export const IDENTITY: Column = { length: Number.MAX_SAFE_INTEGER, at: (index) => index }

/** A list of ordinals, newest event first, lowest id first within a second. Valid until the store changes. */
export class Postings {
  readonly count: number
  readonly #column: Column
  readonly #first: number
  readonly #step: 1 | -1

  constructor(column: Column, first: number, step: 1 | -1, count: number) {
    this.#column = column
    this.#first = first
    this.#step = step
    this.count = count
  }

  at(index: number): number {
    return this.#column.at(this.#first + this.#step * index)
  }
}

/** Where an event's JSON lies in its segment; filled by `locate`, so that looking allocates nothing. */
export interface JsonRange {
  start: number
  end: number
}

const HEADER_PROBE_BYTES = 20

/** Finds an event's JSON and makes its bytes readable. */
export function locate(segment: Segment, ordinal: number, range: JsonRange): void {
  const { bytes } = segment
  const recordStart = segment.recordStartOf(ordinal)
  bytes.ensure(recordStart, recordStart + HEADER_PROBE_BYTES)
  const start = jsonOffset(recordStart, readU32(bytes.buffer, recordStart + 16))
  const end = start + readU32(bytes.buffer, recordStart + 8)
  bytes.ensure(start, end)
  range.start = start
  range.end = end
}

/** `readUInt32LE` without its checks, which cost several times the reading. */
function readU32(bytes: Buffer, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

const left: JsonRange = { start: 0, end: 0 }
const right: JsonRange = { start: 0, end: 0 }

/** Compares two events' ids; negative when `a`'s sorts first. */
export function compareIds(a: Segment, aOrdinal: number, b: Segment, bOrdinal: number): number {
  locate(a, aOrdinal, left)
  locate(b, bOrdinal, right)
  return compareBytes(
    a.bytes.buffer,
    idPosition(left.start),
    b.bytes.buffer,
    idPosition(right.start),
    HEX_ID_LENGTH,
  )
}

/** Compares an event's id with the 64 hex characters at `at`. */
export function compareWithId(segment: Segment, ordinal: number, id: Buffer, at: number): number {
  locate(segment, ordinal, left)
  return compareBytes(segment.bytes.buffer, idPosition(left.start), id, at, HEX_ID_LENGTH)
}

/** An event's id as hex. */
export function idOf(segment: Segment, ordinal: number): string {
  locate(segment, ordinal, left)
  const at = idPosition(left.start)
  return segment.bytes.buffer.toString('latin1', at, at + HEX_ID_LENGTH)
}

/** The key of an event's author as hex. */
export function authorOf(segment: Segment, ordinal: number): string {
  locate(segment, ordinal, left)
  const at = pubkeyPosition(left.start)
  return segment.bytes.buffer.toString('latin1', at, at + HEX_ID_LENGTH)
}
