import { encodeEvent } from '../../nostr/index.ts'
import type { DamagedRange } from './notices.ts'
import { readRecord, recordLength, writeRecord } from './record.ts'
import type { SealedSegment } from './sealed-segment.ts'

const ZEROS = '0'.repeat(64)

/** The shortest event there can be, so that it fits where any other was. */
const NOBODY = Buffer.from(
  encodeEvent({
    id: ZEROS,
    pubkey: ZEROS,
    created_at: 0,
    kind: 0,
    tags: [],
    content: '',
    sig: ZEROS + ZEROS,
  }),
)

/**
 * Deals with a page of a sealed segment that is not what was written: every event whose record is damaged counts as
 * removed from now on, and its place in memory is taken by an event of nobody, so that whoever is walking over it at
 * this moment meets well-formed bytes. Returns the bytes that are lost.
 */
export function dropDamaged(segment: SealedSegment, from: number, to: number): DamagedRange[] {
  const lost: DamagedRange[] = []
  const { bytes } = segment
  const file = bytes.shared.path
  for (const { ordinal, start, limit } of recordsWithin(segment, from, to)) {
    bytes.ensure(start, limit)
    const record = readRecord(bytes.buffer, start, bytes.buffer.length)
    if (record !== undefined && record.end <= limit) continue
    segment.remove(ordinal)
    writeRecord(bytes.buffer, start, { json: NOBODY, seq: segment.seqOf(ordinal), removes: [] })
    lost.push({ file, from: start, to: limit })
  }
  return lost
}

/** The events whose records may touch `[from, to)`, each with the place where the next one begins. */
function recordsWithin(segment: SealedSegment, from: number, to: number) {
  const records = Array.from({ length: segment.count }, (_, ordinal) => ({
    ordinal,
    start: segment.recordStartOf(ordinal),
    limit: segment.header.segmentBytes,
  }))
  records.sort((a, b) => a.start - b.start)
  for (let index = 0; index + 1 < records.length; index++) records[index]!.limit = records[index + 1]!.start
  return records.filter(({ start, limit }) => start < to && limit > from && start + SHORTEST <= limit)
}

const SHORTEST = recordLength(NOBODY.length, 0)
