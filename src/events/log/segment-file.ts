import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { AppError } from '../../kernel/index.ts'
import { ActiveSegment } from './active-segment.ts'
import { EventView } from './event-bytes.ts'
import type { KeyHasher } from './key-hash.ts'
import { removalsOf, type ScanReport, scanRecords } from './record.ts'
import type { SegmentBytes } from './segment-bytes.ts'

/** `STOASEG1`, the id of the segment, and four bytes for later. */
export const SEGMENT_HEADER_BYTES = 16

const MAGIC = 'STOASEG1'

export interface Removal {
  readonly id: string
  /** Sequence number of the record that ordered it. */
  readonly seq: number
}

export interface ScannedSegment {
  readonly segment: ActiveSegment
  readonly report: ScanReport
  /** What its records remove, anywhere in the store. */
  readonly removals: readonly Removal[]
  /** The highest sequence number of its records. */
  readonly lastSeq: number
}

export function writeSegmentHeader(target: Buffer, id: number): void {
  target.write(MAGIC, 0, 'latin1')
  target.writeUInt32LE(id, 8)
}

/** Reads a whole file into the start of `target`; returns its length. */
export function readWholeFile(path: string, target: Buffer): number {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    let done = 0
    while (done < size) {
      const count = readSync(file, target, done, size - done, done)
      if (count === 0) break
      done += count
    }
    return done
  } finally {
    closeSync(file)
  }
}

/**
 * Builds the index of a segment from its records: after a crash, for sealing, and when an index file is missing
 * or damaged. `bytes.buffer[0, length)` holds the file.
 */
export function scanSegment(
  id: number,
  bytes: SegmentBytes,
  length: number,
  hasher: KeyHasher,
): ScannedSegment {
  const { buffer } = bytes
  const segment = new ActiveSegment(id, bytes, hasher)
  const view = new EventView()
  const removals: Removal[] = []
  let lastSeq = 0
  const report = scanRecords(buffer, SEGMENT_HEADER_BYTES, length, (record) => {
    lastSeq = Math.max(lastSeq, record.seq)
    for (const removed of removalsOf(buffer, record)) removals.push({ id: removed, seq: record.seq })
    if (record.jsonLength === 0) return
    view.read(buffer, record.jsonStart, record.end)
    segment.add(view, record.start, record.seq)
  })
  const isHeaderWhole = length < SEGMENT_HEADER_BYTES || buffer.toString('latin1', 0, MAGIC.length) === MAGIC
  if (isHeaderWhole) return { segment, report, removals, lastSeq }
  // With records behind it, it is a segment all the same: the store names it, and only its first bytes are lost.
  if (report.end === SEGMENT_HEADER_BYTES) {
    throw new AppError(
      'STORE_DAMAGED',
      `${bytes.shared.path} is not a segment of an event store; restore it from a backup.`,
    )
  }
  const damaged = [{ from: 0, to: SEGMENT_HEADER_BYTES }, ...report.damaged]
  return { segment, report: { ...report, damaged }, removals, lastSeq }
}
