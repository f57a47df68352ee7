import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/**
 * Bytes are brought from disk, and checked, in pages of this size: small enough that one event costs little time and
 * memory, big enough that a scan is not all system calls.
 */
export const SEGMENT_PAGE_BYTES = 16 * 1024

/**
 * The bytes of one segment, held in shared memory so that every thread sends events straight from them. A
 * segment being written is complete in memory; a sealed one starts empty and is filled page by page when
 * first touched, by whichever thread touches it: two threads loading the same page write the same bytes.
 */
export interface SharedSegment {
  readonly id: number
  readonly path: string
  readonly data: SharedArrayBuffer
  /** One number a page, 1 when loaded, and behind them how many are. Empty when the segment is complete in memory. */
  readonly loadedPages: SharedArrayBuffer
}

/** How the owner of a segment watches the pages that come from disk. */
export interface PageWatch {
  /** The checksum that the page must have. */
  readonly checksumOf: (page: number) => number
  /** The page was read and is not what was written. Called before anybody sees its bytes. */
  readonly onDamaged: (from: number, to: number) => void
  readonly onLoaded: (bytes: number) => void
}

export class SegmentBytes {
  readonly shared: SharedSegment
  /** The segment's bytes; a range is valid once `ensure` was called for it. */
  readonly buffer: Buffer
  /** Was anything asked for since somebody last set this to false? */
  wasUsed = false
  readonly #pages: Int32Array
  readonly #pageCount: number
  readonly #watch: PageWatch | undefined
  #file: number | undefined

  constructor(shared: SharedSegment, watch?: PageWatch) {
    this.shared = shared
    this.buffer = Buffer.from(shared.data)
    this.#pages = new Int32Array(shared.loadedPages)
    this.#pageCount = Math.max(0, this.#pages.length - 1)
    this.#watch = watch
  }

  /** Makes `buffer[start, end)` readable. */
  ensure(start: number, end: number): void {
    this.wasUsed = true
    const pages = this.#pages
    if (this.#pageCount === 0) return
    const last = Math.min(Math.floor((end - 1) / SEGMENT_PAGE_BYTES), this.#pageCount - 1)
    for (let page = Math.floor(start / SEGMENT_PAGE_BYTES); page <= last; page++) {
      if (Atomics.load(pages, page) === 0) this.#load(page)
    }
  }

  /** Bytes of memory that this segment really takes. */
  get residentBytes(): number {
    if (this.#pageCount === 0) return this.buffer.length
    return Atomics.load(this.#pages, this.#pageCount) * SEGMENT_PAGE_BYTES
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #load(page: number): void {
    this.#file ??= openSync(this.shared.path, 'r')
    const from = page * SEGMENT_PAGE_BYTES
    const to = Math.min(from + SEGMENT_PAGE_BYTES, this.buffer.length)
    let done = from
    while (done < to) {
      const count = readSync(this.#file, this.buffer, done, to - done, done)
      if (count === 0) break
      done += count
    }
    const isFirst = Atomics.compareExchange(this.#pages, page, 0, 1) === 0
    if (isFirst) Atomics.add(this.#pages, this.#pageCount, 1)
    if (this.#watch === undefined) return
    // What is damaged was marked as loaded before this is told: whoever deals with it looks at these bytes.
    if (crc32(this.buffer.subarray(from, to)) !== this.#watch.checksumOf(page))
      this.#watch.onDamaged(from, to)
    this.#watch.onLoaded(to - from)
  }
}

/** Checksums of all pages of a segment, `SEGMENT_PAGE_BYTES` each. */
export function pageChecksums(bytes: Buffer): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: pageCountOf(bytes.length) }, (_, page) =>
    crc32(bytes.subarray(page * SEGMENT_PAGE_BYTES, (page + 1) * SEGMENT_PAGE_BYTES)),
  )
}

/** Shared memory for a segment that is about to be written: complete from the start. */
export function shareForWriting(id: number, path: string, capacity: number): SharedSegment {
  return { id, path, data: new SharedArrayBuffer(capacity), loadedPages: new SharedArrayBuffer(0) }
}

/** Shared memory for a sealed segment of `length` bytes: nothing is loaded yet, untouched pages cost nothing. */
export function shareForReading(id: number, path: string, length: number): SharedSegment {
  const data = new SharedArrayBuffer(length)
  return { id, path, data, loadedPages: new SharedArrayBuffer(4 * (pageCountOf(length) + 1)) }
}

function pageCountOf(length: number): number {
  return Math.ceil(length / SEGMENT_PAGE_BYTES)
}
