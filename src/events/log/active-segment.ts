import { Bitmap } from './bitmap.ts'
import {
  bytesEqual,
  compareBytes,
  type EventView,
  HEX_ID_LENGTH,
  idPosition,
  idPrefixAt,
} from './event-bytes.ts'
import { grownF64, grownU16, grownU32 } from './growable.ts'
import { forEachKey, IndexKey } from './index-key.ts'
import type { KeyHasher } from './key-hash.ts'
import { PostingTable } from './posting-table.ts'
import { jsonOffset } from './record.ts'
import { type JsonRange, locate, MemoryColumn, Postings, type Segment } from './segment.ts'
import type { SegmentBytes } from './segment-bytes.ts'

/**
 * The segment that events are appended to, with an index that changes under way. Ordinals count arrivals.
 */
export class ActiveSegment implements Segment {
  readonly id: number
  readonly bytes: SegmentBytes
  count = 0
  oldest = Number.POSITIVE_INFINITY
  newest = Number.NEGATIVE_INFINITY
  firstSeq = 0
  lastSeq = 0
  vanishedCount = 0
  readonly #hasher: KeyHasher
  readonly #table: PostingTable
  readonly #removed = new Bitmap()
  readonly #expirations = new Map<number, number>()
  readonly #key = new IndexKey()
  readonly #range: JsonRange = { start: 0, end: 0 }
  #createdAt = new Float64Array(1024)
  #kind = new Uint16Array(1024)
  #recordStart = new Uint32Array(1024)
  #seq = new Uint32Array(1024)
  #idPrefix = new Uint32Array(1024)
  /** Pairs of id prefix and ordinal + 1; open addressing, at most half full. */
  #idSlots = new Uint32Array(2 * 4096)
  /** Ordinals oldest first; `#timeSorted` of them are in order, the rest is merged in when read. */
  #byTime = new Uint32Array(1024)
  #timeSorted = 0
  /** The memory of all lists, as a column. */
  #lists: MemoryColumn
  #filedOrdinal = 0

  constructor(id: number, bytes: SegmentBytes, hasher: KeyHasher) {
    this.id = id
    this.bytes = bytes
    this.#hasher = hasher
    this.#table = new PostingTable(this.#compare, (key, position, first) =>
      key.isFiledAt(bytes.buffer, position, this.#kind[first]!),
    )
    this.#lists = new MemoryColumn(this.#table.entries)
  }

  get removedCount(): number {
    return this.#removed.count
  }

  get hasExpirations(): boolean {
    return this.#expirations.size > 0
  }

  get memoryBytes(): number {
    return (
      this.#createdAt.length * 26 +
      this.#idSlots.byteLength +
      this.#table.memoryBytes +
      this.#expirations.size * 40
    )
  }

  /** Files the event that `view` shows, whose record begins at `recordStart`; returns its ordinal. */
  add(view: EventView, recordStart: number, seq: number): number {
    const ordinal = this.count
    if (ordinal === this.#createdAt.length) this.#grow()
    this.#createdAt[ordinal] = view.createdAt
    this.#kind[ordinal] = view.kind
    this.#recordStart[ordinal] = recordStart
    this.#seq[ordinal] = seq
    this.#idPrefix[ordinal] = idPrefixAt(view.bytes, idPosition(view.start))
    if (view.expiration > 0) this.#expirations.set(ordinal, view.expiration)
    this.count = ordinal + 1
    if (ordinal === 0) this.firstSeq = seq
    this.lastSeq = seq
    this.oldest = Math.min(this.oldest, view.createdAt)
    this.newest = Math.max(this.newest, view.createdAt)
    this.#fileId(ordinal)
    this.#fileTime(ordinal)
    this.#filedOrdinal = ordinal
    forEachKey(view, this.#hasher, this.#key, this.#file)
    return ordinal
  }

  createdAtOf(ordinal: number): number {
    return this.#createdAt[ordinal]!
  }

  kindOf(ordinal: number): number {
    return this.#kind[ordinal]!
  }

  seqOf(ordinal: number): number {
    return this.#seq[ordinal]!
  }

  expirationOf(ordinal: number): number {
    return this.#expirations.get(ordinal) ?? 0
  }

  recordStartOf(ordinal: number): number {
    return this.#recordStart[ordinal]!
  }

  isRemoved(ordinal: number): boolean {
    return this.#removed.has(ordinal)
  }

  remove(ordinal: number): boolean {
    return this.#removed.add(ordinal)
  }

  restore(ordinal: number): void {
    this.#removed.delete(ordinal)
  }

  ordinalsOf(id: Buffer, at: number): readonly number[] {
    const prefix = idPrefixAt(id, at)
    const slots = this.#idSlots
    const mask = slots.length / 2 - 1
    let found: number[] | undefined
    for (let slot = this.#hasher.scatter(prefix) & mask; ; slot = (slot + 1) & mask) {
      const ordinal = slots[slot * 2 + 1]! - 1
      if (ordinal < 0) return found ?? NONE
      if (slots[slot * 2] !== prefix || !this.#hasId(ordinal, id, at)) continue
      if (found === undefined) found = [ordinal]
      else found.push(ordinal)
    }
  }

  forEachIdPrefix(visit: (prefix: number) => void): void {
    for (let ordinal = 0; ordinal < this.count; ordinal++) visit(this.#idPrefix[ordinal]!)
  }

  find(key: IndexKey): Postings | undefined {
    const list = this.#table.find(key)
    if (list < 0) return undefined
    const start = this.#table.startOf(list)
    const count = this.#table.countOf(list)
    if (this.#lists.array !== this.#table.entries) this.#lists = new MemoryColumn(this.#table.entries)
    return new Postings(this.#lists, start + count - 1, -1, count)
  }

  all(): Postings {
    if (this.#timeSorted !== this.count) {
      this.#byTime.subarray(0, this.count).sort(this.#compare)
      this.#timeSorted = this.count
    }
    return new Postings(new MemoryColumn(this.#byTime), this.count - 1, -1, this.count)
  }

  expiredBy(nowSeconds: number): readonly number[] {
    const expired: number[] = []
    for (const [ordinal, seconds] of this.#expirations) if (seconds <= nowSeconds) expired.push(ordinal)
    return expired
  }

  /** The posting lists, for sealing. */
  get postings(): PostingTable {
    return this.#table
  }

  get removed(): Bitmap {
    return this.#removed
  }

  get expirations(): ReadonlyMap<number, number> {
    return this.#expirations
  }

  idPrefixOf(ordinal: number): number {
    return this.#idPrefix[ordinal]!
  }

  /** Oldest first; within a second the highest id first: the reverse of what queries return. */
  readonly #compare = (a: number, b: number): number => {
    const seconds = this.#createdAt[a]! - this.#createdAt[b]!
    if (seconds !== 0) return seconds
    const prefix = this.#idPrefix[b]! - this.#idPrefix[a]!
    if (prefix !== 0 || a === b) return prefix
    locate(this, a, this.#range)
    const aAt = idPosition(this.#range.start)
    locate(this, b, this.#range)
    return compareBytes(
      this.bytes.buffer,
      idPosition(this.#range.start),
      this.bytes.buffer,
      aAt,
      HEX_ID_LENGTH,
    )
  }

  readonly #file = (key: IndexKey, position: number): void => {
    this.#table.add(key, position, this.#filedOrdinal)
  }

  #hasId(ordinal: number, id: Buffer, at: number): boolean {
    const { buffer } = this.bytes
    const start = this.#recordStart[ordinal]!
    const json = jsonOffset(start, buffer.readUInt32LE(start + 16))
    return bytesEqual(buffer, idPosition(json), id, at, HEX_ID_LENGTH)
  }

  #fileId(ordinal: number): void {
    if (this.count * 4 > this.#idSlots.length) {
      this.#idSlots = new Uint32Array(this.#idSlots.length * 2)
      for (let earlier = 0; earlier < ordinal; earlier++) this.#insertId(earlier)
    }
    this.#insertId(ordinal)
  }

  #insertId(ordinal: number): void {
    const slots = this.#idSlots
    const mask = slots.length / 2 - 1
    const prefix = this.#idPrefix[ordinal]!
    let slot = this.#hasher.scatter(prefix) & mask
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask
    slots[slot * 2] = prefix
    slots[slot * 2 + 1] = ordinal + 1
  }

  #fileTime(ordinal: number): void {
    this.#byTime[ordinal] = ordinal
    const isNewest = ordinal === 0 || this.#compare(this.#byTime[ordinal - 1]!, ordinal) < 0
    if (this.#timeSorted === ordinal && isNewest) this.#timeSorted = ordinal + 1
  }

  #grow(): void {
    const needed = this.count + 1
    this.#createdAt = grownF64(this.#createdAt, needed)
    this.#kind = grownU16(this.#kind, needed)
    this.#recordStart = grownU32(this.#recordStart, needed)
    this.#seq = grownU32(this.#seq, needed)
    this.#idPrefix = grownU32(this.#idPrefix, needed)
    this.#byTime = grownU32(this.#byTime, needed)
  }
}

const NONE: readonly number[] = []
