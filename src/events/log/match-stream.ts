import type { Audience } from '../audience.ts'
import { type AccessPath, planAccess } from '../planner.ts'
import { type CompiledFilter, hexBytes, holdsTags, type Residual } from './compiled-filter.ts'
import { EventView, HEX_ID_LENGTH, idPosition, pubkeyPosition } from './event-bytes.ts'
import type { IndexKey } from './index-key.ts'
import type { Restriction } from './restriction.ts'
import {
  compareIds,
  compareWithId,
  IDENTITY,
  idOf,
  type JsonRange,
  locate,
  Postings,
  type Segment,
} from './segment.ts'
import type { SegmentSet } from './segment-set.ts'
import type { Slice } from './slice.ts'

/** A place in the order of answers: newest first, lowest id first within a second. */
export interface OrderKey {
  readonly createdAt: number
  /** 64 hex characters. */
  readonly id: Buffer
  /** Does a walk that resumes here begin with the event at this place, or behind it? */
  readonly inclusive: boolean
}

/** What a scan may look at. */
export interface ScanLimits {
  /** Events stored later than this sequence number are not part of the answer. */
  readonly maxSeq: number
  readonly nowSeconds: number
  /** Who will read the answer; undefined for whoever may see everything. */
  readonly audience?: Audience | undefined
}

/** Candidates that one slice of a query may look at before it gives others their turn, if its time is not over before. */
export const SLICE_CANDIDATES = 10_000

/** What is left to check of an event that was found somewhere. */
export interface MatchConditions {
  readonly residual: Residual
  readonly restriction: Restriction | undefined
}

/** A walk down one list of one segment. */
class Cursor {
  readonly segment: Segment
  readonly #postings: Postings
  #index: number
  ordinal = 0
  createdAt = 0

  constructor(segment: Segment, postings: Postings, index: number) {
    this.segment = segment
    this.#postings = postings
    this.#index = index
  }

  /** Steps to the next entry; false at the end of the list. */
  advance(): boolean {
    if (this.#index >= this.#postings.count) return false
    this.ordinal = this.#postings.at(this.#index++)
    this.createdAt = this.segment.createdAtOf(this.ordinal)
    return true
  }
}

/** Used within one step only, so all streams of a thread share them. */
const view = new EventView()
const range: JsonRange = { start: 0, end: 0 }

/**
 * The matches of one filter, in the order of answers, from as many lists as its access path needs. Lives for
 * one slice of a query: between slices only `resumeKey` is kept, and the next slice seeks to it.
 */
export class MatchStream {
  /** The match that `next` found. */
  segment!: Segment
  ordinal = 0
  createdAt = 0
  /** Candidates looked at so far. */
  examined = 0
  readonly #filter: CompiledFilter
  readonly #limits: ScanLimits
  readonly #after: OrderKey | undefined
  readonly #conditions: MatchConditions
  readonly #keys: readonly IndexKey[] | undefined
  /** Cursors that still have entries, as a heap: the one with the newest entry first. */
  readonly #heap: Cursor[] = []
  /** Segments not opened yet, the one with the newest events last. */
  readonly #unopened: Segment[]
  #lastSegment: Segment | undefined
  #lastOrdinal = -1

  constructor(set: SegmentSet, filter: CompiledFilter, limits: ScanLimits, after: OrderKey | undefined) {
    this.#filter = filter
    this.#limits = limits
    this.#after = after
    const path = planAccess(filter.filter, (path) => estimate(set, filter, path))
    const readerKeys = shorterReaderKeys(set, filter, path)
    this.#keys = readerKeys ?? filter.keysOf(path)
    this.#conditions = {
      residual: filter.residual(readerKeys === undefined ? path : CHECKS_NOTHING),
      restriction: filter.restriction,
    }
    if (path.by === 'ids') {
      this.#unopened = []
      this.#openIds(set, path.ids)
    } else this.#unopened = relevantSegments(set, filter)
  }

  /**
   * Steps to the next match. `found`: it is in `segment` and `ordinal`. `end`: there is none. `paused`: the
   * budget of candidates is used up, or the slice is over.
   */
  next(maxExamined: number, slice: Slice): 'found' | 'end' | 'paused' {
    for (;;) {
      const top = this.#top()
      if (top === undefined) return 'end'
      if (this.examined >= maxExamined || (this.examined > 0 && slice.isOver())) return 'paused'
      this.examined++
      const { segment, ordinal, createdAt } = top
      // One event may stand in several of the lists; its entries then come one after the other.
      const isRepeat = segment === this.#lastSegment && ordinal === this.#lastOrdinal
      this.#lastSegment = segment
      this.#lastOrdinal = ordinal
      if (top.advance()) siftDown(this.#heap, 0)
      else removeTop(this.#heap)
      if (createdAt < this.#filter.since) return 'end'
      if (isRepeat || !isMatch(segment, ordinal, this.#conditions, this.#limits)) continue
      this.segment = segment
      this.ordinal = ordinal
      this.createdAt = createdAt
      return 'found'
    }
  }

  /**
   * Where a later slice goes on: behind the last candidate looked at, or on it when it is a match that was found
   * but not `taken`.
   */
  resumeKey(taken: boolean): OrderKey | undefined {
    if (this.#lastSegment === undefined) return this.#after
    const segment = this.#lastSegment
    const id = Buffer.from(idOf(segment, this.#lastOrdinal), 'latin1')
    return { createdAt: segment.createdAtOf(this.#lastOrdinal), id, inclusive: !taken }
  }

  #top(): Cursor | undefined {
    // Older segments are opened only when their events can be next.
    for (;;) {
      const candidate = this.#unopened.at(-1)
      const top = this.#heap[0]
      if (candidate === undefined || (top !== undefined && candidate.newest < top.createdAt)) return top
      this.#unopened.pop()
      this.#open(candidate)
    }
  }

  #open(segment: Segment): void {
    if (this.#keys === undefined) {
      this.#openList(segment, segment.all())
      return
    }
    for (const key of this.#keys) {
      const postings = segment.find(key)
      if (postings !== undefined) this.#openList(segment, postings)
    }
  }

  #openList(segment: Segment, postings: Postings): void {
    const cursor = new Cursor(segment, postings, this.#seek(segment, postings))
    if (cursor.advance()) push(this.#heap, cursor)
  }

  #openIds(set: SegmentSet, ids: readonly string[]): void {
    const bytes = hexBytes(ids)
    for (let at = 0; at < bytes.length; at += HEX_ID_LENGTH) {
      const place = set.findStored(bytes, at)
      if (place === undefined) continue
      const { segment, ordinal } = place
      const createdAt = segment.createdAtOf(ordinal)
      if (createdAt > this.#filter.until || !this.#isBehind(segment, ordinal)) continue
      const cursor = new Cursor(segment, new Postings(IDENTITY, ordinal, 1, 1), 0)
      cursor.advance()
      push(this.#heap, cursor)
    }
  }

  /** Index of the first entry that is not above `until` and lies behind the resume key. */
  #seek(segment: Segment, postings: Postings): number {
    const { until } = this.#filter
    if (this.#after === undefined && segment.newest <= until) return 0
    let low = 0
    let high = postings.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const ordinal = postings.at(middle)
      const isAllowed = segment.createdAtOf(ordinal) <= until && this.#isBehind(segment, ordinal)
      if (isAllowed) high = middle
      else low = middle + 1
    }
    return low
  }

  #isBehind(segment: Segment, ordinal: number): boolean {
    const after = this.#after
    if (after === undefined) return true
    const createdAt = segment.createdAtOf(ordinal)
    if (createdAt !== after.createdAt) return createdAt < after.createdAt
    const difference = compareWithId(segment, ordinal, after.id, 0)
    return after.inclusive ? difference >= 0 : difference > 0
  }
}

/** Is the event stored, part of the answer, visible to its reader, and does it fulfil the conditions? Times aside. */
export function isMatch(
  segment: Segment,
  ordinal: number,
  { residual, restriction }: MatchConditions,
  { maxSeq, nowSeconds }: ScanLimits,
): boolean {
  if (segment.isRemoved(ordinal)) return false
  if (segment.lastSeq > maxSeq && segment.seqOf(ordinal) > maxSeq) return false
  if (segment.hasExpirations && isExpired(segment, ordinal, nowSeconds)) return false
  const { ids, kinds, authors, tags } = residual
  if (kinds !== undefined && !kinds.has(segment.kindOf(ordinal))) return false
  const circle = restriction?.circleOf(segment.kindOf(ordinal))
  if (circle === 'nobody') return false
  if (ids === undefined && authors === undefined && tags.length === 0 && circle === undefined) return true
  locate(segment, ordinal, range)
  const { buffer } = segment.bytes
  if (ids !== undefined && !ids.has(buffer, idPosition(range.start))) return false
  if (authors !== undefined && !authors.has(buffer, pubkeyPosition(range.start))) return false
  if (tags.length === 0 && circle === undefined) return true
  view.read(buffer, range.start, range.end)
  if (!holdsTags(view, tags)) return false
  return circle === undefined || restriction!.lets(circle, view)
}

/** Negative when `a`'s event comes first in the order of answers. */
export function compareAnswers(
  a: { readonly segment: Segment; readonly ordinal: number; readonly createdAt: number },
  b: { readonly segment: Segment; readonly ordinal: number; readonly createdAt: number },
): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt
  if (a.segment === b.segment && a.ordinal === b.ordinal) return 0
  return compareIds(a.segment, a.ordinal, b.segment, b.ordinal)
}

function isExpired(segment: Segment, ordinal: number, nowSeconds: number): boolean {
  const expiration = segment.expirationOf(ordinal)
  return expiration > 0 && expiration <= nowSeconds
}

/** How many index entries a walk along a path meets. */
export function estimate(set: SegmentSet, filter: CompiledFilter, path: AccessPath): number {
  if (path.by === 'ids') return path.ids.length
  return scanLength(set, filter.keysOf(path))
}

/** The keys of the reader's own circle, when they are a shorter way to the filter's matches than its best path. */
function shorterReaderKeys(
  set: SegmentSet,
  filter: CompiledFilter,
  path: AccessPath,
): readonly IndexKey[] | undefined {
  const keys = path.by === 'ids' ? undefined : filter.readerKeys()
  if (keys === undefined || scanLength(set, keys) >= estimate(set, filter, path)) return undefined
  return keys
}

/** A walk along which every condition of the filter is left to check. */
const CHECKS_NOTHING: AccessPath = { by: 'time' }

/** How many entries the lists of these keys have; without keys, all lists. */
function scanLength(set: SegmentSet, keys: readonly IndexKey[] | undefined): number {
  let sum = 0
  for (const segment of set.segments) {
    if (keys === undefined) sum += segment.count
    else for (const key of keys) sum += segment.find(key)?.count ?? 0
  }
  return sum
}

/** Segments whose times can match, the one with the newest events last. */
function relevantSegments(set: SegmentSet, filter: CompiledFilter): Segment[] {
  return set.segments
    .filter(
      (segment) => segment.count > 0 && segment.newest >= filter.since && segment.oldest <= filter.until,
    )
    .sort((a, b) => a.newest - b.newest)
}

function push(heap: Cursor[], cursor: Cursor): void {
  let index = heap.length
  heap.push(cursor)
  while (index > 0) {
    const parent = (index - 1) >> 1
    if (compareAnswers(cursor, heap[parent]!) >= 0) break
    heap[index] = heap[parent]!
    index = parent
  }
  heap[index] = cursor
}

function removeTop(heap: Cursor[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  heap[0] = last
  siftDown(heap, 0)
}

function siftDown(heap: Cursor[], from: number): void {
  const cursor = heap[from]!
  let index = from
  for (;;) {
    let child = index * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compareAnswers(heap[child + 1]!, heap[child]!) < 0) child++
    if (compareAnswers(cursor, heap[child]!) <= 0) break
    heap[index] = heap[child]!
    index = child
  }
  heap[index] = cursor
}
