import type { ActiveSegment } from './active-segment.ts'
import { idPrefixAt } from './event-bytes.ts'
import { IdFilter } from './id-filter.ts'
import type { IndexKey } from './index-key.ts'
import type { KeyHasher } from './key-hash.ts'
import type { WordIndexes } from './search/word-indexes.ts'
import { idOf, type Segment } from './segment.ts'

/** An event by where it is. */
export interface Place {
  readonly segment: Segment
  readonly ordinal: number
}

/**
 * All segments of a store, oldest first, the one being written last; and the look-ups that span them.
 */
export class SegmentSet {
  readonly hasher: KeyHasher
  /** Replaced, never changed in place, so that a reader may hold on to one for a while. */
  segments: readonly Segment[] = []
  idFilter = IdFilter.forEvents(0)
  /** The words of the segments' events, for searches; undefined when the store keeps none, and searches read everything. */
  words: WordIndexes | undefined
  /** Told when `idFilter` was replaced by a bigger one. */
  onFilterReplaced: (filter: IdFilter) => void = () => {}
  #filtered = 0

  constructor(hasher: KeyHasher) {
    this.hasher = hasher
  }

  /** Events that are stored: not removed. */
  get eventCount(): number {
    return this.segments.reduce((sum, segment) => sum + segment.count - segment.removedCount, 0)
  }

  get memoryBytes(): number {
    const segments = this.segments.reduce((sum, segment) => sum + segment.memoryBytes, 0)
    return segments + this.idFilter.shared.byteLength
  }

  /** Puts `by` in the place of `segment`. */
  replace(segment: Segment, by: Segment): void {
    this.segments = this.segments.map((other) => (other === segment ? by : other))
  }

  /** Makes an event's id known; to be called for each event that is filed. */
  noteId(segment: ActiveSegment, ordinal: number): void {
    if (++this.#filtered > this.idFilter.capacity) this.rebuildFilter()
    else this.idFilter.add(segment.idPrefixOf(ordinal))
  }

  /** Builds the filter anew from all segments, with room to grow. */
  rebuildFilter(): void {
    const total = this.segments.reduce((sum, segment) => sum + segment.count, 0)
    const filter = IdFilter.forEvents(total * 2)
    for (const segment of this.segments) segment.forEachIdPrefix((prefix) => filter.add(prefix))
    this.idFilter = filter
    this.#filtered = total
    this.onFilterReplaced(filter)
  }

  /** @param id holds 64 lowercase hex characters at `at`. */
  findStored(id: Buffer, at = 0): Place | undefined {
    if (!this.idFilter.mayHave(idPrefixAt(id, at))) return undefined
    // An id that came back after a removal is in a later segment than its removed self.
    for (let index = this.segments.length - 1; index >= 0; index--) {
      const segment = this.segments[index]!
      for (const ordinal of segment.ordinalsOf(id, at))
        if (!segment.isRemoved(ordinal)) return { segment, ordinal }
    }
    return undefined
  }

  /**
   * Applies a removal that a record of sequence number `seq` ordered. Only what was stored before that record goes:
   * the same id may have come back since. Returns the places that this call removed.
   */
  remove(id: string, seq: number): readonly Place[] {
    if (!this.mayHold(id)) return NOWHERE
    return this.segments.flatMap((segment) =>
      removeFrom(segment, id, seq).map((ordinal) => ({ segment, ordinal })),
    )
  }

  /** Visits the stored events under `key`, newest first in each segment, until `visit` returns false. */
  walk(key: IndexKey, visit: (segment: Segment, ordinal: number) => boolean): void {
    for (let index = this.segments.length - 1; index >= 0; index--) {
      const segment = this.segments[index]!
      const postings = segment.find(key)
      if (postings === undefined) continue
      for (let place = 0; place < postings.count; place++) {
        const ordinal = postings.at(place)
        if (!segment.isRemoved(ordinal) && !visit(segment, ordinal)) return
      }
    }
  }

  /** Could a record of this id be in any segment? False is sure. */
  mayHold(id: string): boolean {
    return this.idFilter.mayHave(idPrefixAt(Buffer.from(id, 'latin1'), 0))
  }

  /** Does any of `segments` hold a record of this id, removed or not? */
  static holdsRecord(segments: readonly Segment[], id: string): boolean {
    const bytes = Buffer.from(id, 'latin1')
    return segments.some((segment) => segment.ordinalsOf(bytes, 0).length > 0)
  }

  /** The ids of all stored events whose expiration has passed. */
  expiredIds(nowSeconds: number): string[] {
    const ids: string[] = []
    for (const segment of this.segments) {
      if (!segment.hasExpirations) continue
      for (const ordinal of segment.expiredBy(nowSeconds)) {
        if (!segment.isRemoved(ordinal)) ids.push(idOf(segment, ordinal))
      }
    }
    return ids
  }
}

/** Removes an id from one segment as of `seq`; returns the ordinals that this call removed. */
export function removeFrom(segment: Segment, id: string, seq: number): readonly number[] {
  if (segment.count === 0 || segment.firstSeq > seq) return NONE
  return segment
    .ordinalsOf(Buffer.from(id, 'latin1'), 0)
    .filter((ordinal) => segment.seqOf(ordinal) <= seq && segment.remove(ordinal))
}

const NONE: readonly number[] = []
const NOWHERE: readonly Place[] = []
