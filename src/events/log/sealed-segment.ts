import { Bitmap } from './bitmap.ts'
import { type ColumnName, type IndexColumns, readRemovals } from './columns.ts'
import { idPrefixAt } from './event-bytes.ts'
import type { IndexHeader, ReadIndexHeader } from './index-file.ts'
import type { IndexKey } from './index-key.ts'
import { type ColdFile, type PageCache, PagedColumn } from './paged-column.ts'
import { type Column, compareWithId, IDENTITY, MemoryColumn, Postings, type Segment } from './segment.ts'
import { type PageWatch, SegmentBytes, shareForReading } from './segment-bytes.ts'
import type { Removal } from './segment-file.ts'

/** Who is told what happens to the bytes of sealed segments. */
export interface SegmentWatch {
  /** A page of the file is not what was written. Called before anybody sees its bytes. */
  readonly onDamaged: (segment: SealedSegment, from: number, to: number) => void
  /** So many bytes were brought into memory. */
  readonly onLoaded: (bytes: number) => void
}

export type SealedColumns = Readonly<Record<ColumnName, Column>>

/**
 * A segment that is no longer written. Its ordinals are places in the order of answers: 0 is the newest
 * event, so that lists of ordinals merge by comparing numbers. The columns are in memory (hot) or read by
 * page (cold); the code is the same.
 */
export class SealedSegment implements Segment {
  readonly id: number
  /** When the segment was last asked for, in turns of the cache's clock. */
  lastUsed = 0
  vanishedCount = 0
  /** How many removals the file beside the segment knows of. */
  recordedRemovals: number
  readonly header: ReadIndexHeader
  readonly count: number
  readonly oldest: number
  readonly newest: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly removed: Bitmap
  readonly #path: string
  readonly #watch: PageWatch
  #bytes: SegmentBytes
  #columns: SealedColumns
  #columnBytes: number
  #coldFile: ColdFile | undefined
  readonly #expirations: ReadonlyMap<number, number>

  constructor(options: {
    readonly id: number
    /** Of the segment file. */
    readonly path: string
    readonly header: ReadIndexHeader
    readonly index: OpenIndex
    readonly removed: Bitmap | undefined
    readonly watch: SegmentWatch
  }) {
    const { header, index, watch } = options
    this.header = header
    this.id = options.id
    this.#path = options.path
    this.#columns = index.columns
    this.#columnBytes = index.memoryBytes
    this.#coldFile = index.file
    this.#watch = {
      checksumOf: (page) => this.#columns.pageChecksum.at(page),
      onDamaged: (from, to) => watch.onDamaged(this, from, to),
      onLoaded: watch.onLoaded,
    }
    this.#bytes = this.#openBytes()
    this.count = header.columns.createdAt.length
    this.oldest = header.oldest
    this.newest = header.newest
    this.firstSeq = header.firstSeq
    this.lastSeq = header.lastSeq
    this.removed = options.removed ?? new Bitmap()
    this.recordedRemovals = this.removed.count
    this.#expirations = readExpirations(index.columns)
  }

  /** Another one after `letGo`. */
  get bytes(): SegmentBytes {
    return this.#bytes
  }

  /** Takes bytes that are complete in memory already instead of reading the file again. */
  adoptBytes(bytes: SegmentBytes): void {
    this.#bytes.close()
    this.#bytes = bytes
  }

  /** Gives the memory of the bytes back; they are read from disk when asked for again. */
  letGo(): void {
    this.#bytes.close()
    this.#bytes = this.#openBytes()
  }

  get isHot(): boolean {
    return this.#coldFile === undefined
  }

  /** Gives the memory of the index back: from now on it is read by page. */
  cool(index: OpenIndex): void {
    this.#columns = index.columns
    this.#columnBytes = index.memoryBytes
    this.#coldFile = index.file
  }

  /** Closes its files. */
  close(): void {
    this.#bytes.close()
    this.#coldFile?.close()
  }

  /** What its records remove, anywhere in the store. */
  removals(): Iterable<Removal> {
    return readRemovals(this.#columns)
  }

  get removedCount(): number {
    return this.removed.count
  }

  get hasExpirations(): boolean {
    return this.#expirations.size > 0
  }

  get memoryBytes(): number {
    return this.#columnBytes + this.removed.bytes.length + this.#expirations.size * 40
  }

  createdAtOf(ordinal: number): number {
    return this.#columns.createdAt.at(ordinal)
  }

  kindOf(ordinal: number): number {
    return this.#columns.kind.at(ordinal)
  }

  seqOf(ordinal: number): number {
    return this.#columns.seq.at(ordinal)
  }

  expirationOf(ordinal: number): number {
    return this.#expirations.get(ordinal) ?? 0
  }

  recordStartOf(ordinal: number): number {
    return this.#columns.recordStart.at(ordinal)
  }

  isRemoved(ordinal: number): boolean {
    return this.removed.has(ordinal)
  }

  remove(ordinal: number): boolean {
    return this.removed.add(ordinal)
  }

  restore(ordinal: number): void {
    this.removed.delete(ordinal)
  }

  ordinalsOf(id: Buffer, at: number): readonly number[] {
    const { idPrefix, idOrdinal } = this.#columns
    const prefix = idPrefixAt(id, at)
    const found: number[] = []
    for (let place = lowerBound(idPrefix, prefix); place < this.count; place++) {
      if (idPrefix.at(place) !== prefix) break
      const ordinal = idOrdinal.at(place)
      if (compareWithId(this, ordinal, id, at) === 0) found.push(ordinal)
    }
    return found
  }

  forEachIdPrefix(visit: (prefix: number) => void): void {
    for (let place = 0; place < this.count; place++) visit(this.#columns.idPrefix.at(place))
  }

  find(key: IndexKey): Postings | undefined {
    const { keyHi, keyLo, keyPosition, keyStart, postings } = this.#columns
    for (let place = lowerBound(keyHi, key.hi); place < keyHi.length; place++) {
      if (keyHi.at(place) !== key.hi) return undefined
      if (keyLo.at(place) !== key.lo) continue
      const start = keyStart.at(place)
      if (!this.#isFiled(key, keyPosition.at(place), postings.at(start))) continue
      return new Postings(postings, start, 1, keyStart.at(place + 1) - start)
    }
    return undefined
  }

  all(): Postings {
    // The ordinals are the order of answers themselves.
    return new Postings(IDENTITY, 0, 1, this.count)
  }

  expiredBy(nowSeconds: number): readonly number[] {
    const expired: number[] = []
    for (const [ordinal, seconds] of this.#expirations) if (seconds <= nowSeconds) expired.push(ordinal)
    return expired
  }

  #openBytes(): SegmentBytes {
    return new SegmentBytes(shareForReading(this.id, this.#path, this.header.segmentBytes), this.#watch)
  }

  #isFiled(key: IndexKey, position: number, firstOrdinal: number): boolean {
    this.bytes.ensure(Math.max(0, position - 4), position + key.end - key.start + 1)
    return key.isFiledAt(this.bytes.buffer, position, this.kindOf(firstOrdinal))
  }
}

export function isSealed(segment: Segment): segment is SealedSegment {
  return segment instanceof SealedSegment
}

/** The columns of an index file, wherever they are. */
export interface OpenIndex {
  readonly columns: SealedColumns
  /** What they take; 0 when they are read by page. */
  readonly memoryBytes: number
  /** The file they are read from by page; undefined when they are in memory. */
  readonly file: ColdFile | undefined
}

export function hotColumns(columns: IndexColumns): SealedColumns {
  const entries = Object.entries(columns).map(([name, array]) => [name, new MemoryColumn(array)])
  // Same names as IndexColumns, each wrapped.
  return Object.fromEntries(entries)
}

export function coldColumns(cache: PageCache, file: ColdFile, header: IndexHeader): SealedColumns {
  const names = Object.keys(header.columns) as ColumnName[]
  const entries = names.map((name) => [name, new PagedColumn(cache, file, header, name)])
  return Object.fromEntries(entries)
}

function readExpirations({ expiringOrdinal, expiringAt }: SealedColumns): Map<number, number> {
  const expirations = new Map<number, number>()
  for (let index = 0; index < expiringOrdinal.length; index++) {
    expirations.set(expiringOrdinal.at(index), expiringAt.at(index))
  }
  return expirations
}

/**
 * First place whose value is at least `value`, in a sorted column of hashes: these are spread evenly, so a
 * proportional guess lands within a few dozen places and two or three steps outwards bracket the answer.
 */
export function lowerBound(column: Column, value: number): number {
  const { length } = column
  let low = 0
  let high = length
  let step = 16
  const guess = Math.min(length, Math.floor((value / 2 ** 32) * length))
  if (guess < length && column.at(guess) < value) {
    low = guess + 1
    while (low + step < length && column.at(low + step) < value) {
      low += step
      step *= 2
    }
    high = Math.min(length, low + step + 1)
  } else {
    high = guess
    while (high - step > 0 && column.at(high - step) >= value) {
      high -= step
      step *= 2
    }
    low = Math.max(0, high - step)
  }
  while (low < high) {
    const middle = (low + high) >>> 1
    if (column.at(middle) < value) low = middle + 1
    else high = middle
  }
  return low
}
