import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import type { MakeStore } from '../testing/index.ts'
import type { KeyHasher } from './key-hash.ts'
import { type LogStoreOptions, openLogStore } from './log-store.ts'
import type { StoreNotice } from './notices.ts'
import { recordLength, writeRecord } from './record.ts'
import { SegmentBytes, shareForWriting } from './segment-bytes.ts'
import { type ScannedSegment, SEGMENT_HEADER_BYTES, scanSegment, writeSegmentHeader } from './segment-file.ts'

/** Where files cost no waiting for a disk, if the system has such a place. */
const FAST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** An empty folder; whoever asks for it removes it. */
export function temporaryFolder(): string {
  return mkdtempSync(join(FAST, 'stoa-log-'))
}

/** Fresh log stores in a temporary folder. */
export function makeLogStore(options: Omit<LogStoreOptions, 'folder'> = {}): MakeStore {
  return async () => {
    const folder = temporaryFolder()
    let store = await openLogStore({ folder, ...options })
    return {
      store,
      reopen: async () => {
        await store.close()
        store = await openLogStore({ folder, ...options })
        return store
      },
      dispose: async () => {
        await store.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }
}

/** One record of a segment that a test makes. */
export interface TestRecord {
  readonly event?: NostrEvent
  readonly removes?: readonly string[]
}

/** The bytes of a segment file with these records in this order; each has the next sequence number from 1 on. */
export function segmentBytesOf(id: number, records: readonly TestRecord[]): Buffer {
  const parts = records.map(({ event, removes = [] }) => ({
    json: event === undefined ? new Uint8Array(0) : Buffer.from(encodeEvent(event)),
    removes,
  }))
  const lengths = parts.map(({ json, removes }) => recordLength(json.length, removes.length))
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length, SEGMENT_HEADER_BYTES))
  writeSegmentHeader(bytes, id)
  let end = SEGMENT_HEADER_BYTES
  parts.forEach((part, index) => {
    end = writeRecord(bytes, end, { ...part, seq: index + 1 })
  })
  return bytes
}

/** These records as a segment in memory. */
export function segmentOf(records: readonly TestRecord[], hasher: KeyHasher): ScannedSegment {
  const file = segmentBytesOf(1, records)
  const bytes = new SegmentBytes(shareForWriting(1, 'in memory only', file.length))
  file.copy(bytes.buffer)
  return scanSegment(1, bytes, file.length, hasher)
}

/** Collects what a store tells its operator. */
export function noticeBoard() {
  const notices: StoreNotice[] = []
  return {
    notices,
    notify: (notice: StoreNotice) => void notices.push(notice),
    named: (event: StoreNotice['event']) => notices.filter((notice) => notice.event === event),
    /** Those that say that something is not as it should be. */
    warnings: () => notices.filter(({ level }) => level !== 'info').map(({ event }) => event),
  }
}
