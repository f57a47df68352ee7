import { closeSync, constants, fstatSync, ftruncateSync, openSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { ActiveSegment } from './active-segment.ts'
import { EventView } from './event-bytes.ts'
import type { KeyHasher } from './key-hash.ts'
import { recordLength, writeRecord } from './record.ts'
import { SegmentBytes, shareForWriting } from './segment-bytes.ts'
import { SEGMENT_HEADER_BYTES, scanSegment, writeSegmentHeader } from './segment-file.ts'

const writeAt = promisify(write)

/** A write returns when the data is on disk (as if followed by fdatasync), one system call for both. */
const DURABLE = constants.O_DSYNC ?? constants.O_SYNC ?? 0

/** The end of the log: the segment being written, in memory and on disk. */
export class Appender {
  segment: ActiveSegment
  bytes: SegmentBytes
  /** Where the next record goes. */
  position: number
  /** Everything before this is on disk. */
  durable: number
  readonly view = new EventView()
  readonly #hasher: KeyHasher
  readonly #file: number

  private constructor(options: {
    readonly segment: ActiveSegment
    readonly position: number
    readonly file: number
    readonly hasher: KeyHasher
  }) {
    this.segment = options.segment
    this.bytes = options.segment.bytes
    this.position = options.position
    this.durable = options.position
    this.#file = options.file
    this.#hasher = options.hasher
  }

  /** Starts a segment with a new file. */
  static create(options: {
    readonly id: number
    readonly path: string
    readonly capacity: number
    readonly hasher: KeyHasher
  }): Appender {
    const { id, path, hasher } = options
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | DURABLE, 0o600)
    const bytes = new SegmentBytes(shareForWriting(id, path, options.capacity))
    writeSegmentHeader(bytes.buffer, id)
    try {
      writeSync(file, bytes.buffer, 0, SEGMENT_HEADER_BYTES, 0)
    } catch (error) {
      closeSync(file)
      throw error
    }
    const segment = new ActiveSegment(id, bytes, hasher)
    return new Appender({ segment, position: SEGMENT_HEADER_BYTES, file, hasher })
  }

  /** Goes on with a segment that recovery has read; cuts off what lies behind `position`. */
  static resume(segment: ActiveSegment, position: number, hasher: KeyHasher): Appender {
    const file = openSync(segment.bytes.shared.path, constants.O_RDWR | DURABLE)
    const { size } = fstatSync(file)
    if (size > position) ftruncateSync(file, position)
    if (size < SEGMENT_HEADER_BYTES) {
      // Cut off by whatever happened; without a header the next start would not know the file.
      writeSegmentHeader(segment.bytes.buffer, segment.id)
      writeSync(file, segment.bytes.buffer, 0, SEGMENT_HEADER_BYTES, 0)
    }
    return new Appender({ segment, position, file, hasher })
  }

  get hasUnwritten(): boolean {
    return this.position > this.durable
  }

  /** Is there room for a record? */
  fits(jsonLength: number, removalCount: number): boolean {
    return this.position + recordLength(jsonLength, removalCount) <= this.bytes.buffer.length
  }

  /**
   * Puts an event's JSON where it will lie if it is accepted and removes nothing, and points `view` at it. Nothing
   * is appended by this.
   */
  stage(json: Uint8Array): EventView {
    const start = this.position + recordLength(0, 0)
    this.bytes.buffer.set(json, start)
    this.view.read(this.bytes.buffer, start, start + json.length)
    return this.view
  }

  /** Appends the event that was staged; returns its ordinal. */
  append(json: Uint8Array, seq: number, removes: readonly string[]): number {
    const start = this.position
    this.position = writeRecord(this.bytes.buffer, start, { json, seq, removes })
    if (removes.length > 0) this.view.read(this.bytes.buffer, this.position - json.length, this.position)
    return this.segment.add(this.view, start, seq)
  }

  appendRemoval(seq: number, removes: readonly string[]): void {
    this.position = writeRecord(this.bytes.buffer, this.position, { json: NOTHING, seq, removes })
  }

  /** Writes all that is appended so far; resolves when it is on disk, to where it ends. */
  async flush(): Promise<number> {
    const to = this.position
    let from = this.durable
    while (from < to)
      from += (await writeAt(this.#file, this.bytes.buffer, from, to - from, from)).bytesWritten
    this.durable = to
    return to
  }

  /**
   * Forgets everything that is not on disk, in the file too. The index is built anew from what is left, since it
   * cannot unlearn, and in fresh memory: somebody may still be sending from the old. Throws when the file cannot be cut; what is in memory is
   * right then all the same.
   */
  rollBack(): void {
    const before = this.segment
    const { id, path } = this.bytes.shared
    const bytes = new SegmentBytes(shareForWriting(id, path, this.bytes.buffer.length))
    bytes.buffer.set(this.bytes.buffer.subarray(0, this.durable))
    this.bytes = bytes
    const { segment } = scanSegment(id, bytes, this.durable, this.#hasher)
    for (let ordinal = 0; ordinal < segment.count; ordinal++) {
      if (before.isRemoved(ordinal)) segment.remove(ordinal)
    }
    segment.vanishedCount = before.vanishedCount
    this.segment = segment
    this.position = this.durable
    ftruncateSync(this.#file, this.durable)
  }

  close(): void {
    closeSync(this.#file)
  }
}

const NOTHING = new Uint8Array(0)
