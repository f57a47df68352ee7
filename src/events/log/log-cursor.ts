import type { Filter } from '../../nostr/index.ts'
import type { EventCursor, EventPage } from '../store.ts'
import { CompiledFilter } from './compiled-filter.ts'
import {
  compareAnswers,
  MatchStream,
  type OrderKey,
  type ScanLimits,
  SLICE_CANDIDATES,
} from './match-stream.ts'
import { type JsonRange, locate, type Segment } from './segment.ts'
import type { SegmentBytes } from './segment-bytes.ts'
import type { SegmentSet } from './segment-set.ts'
import { Slice } from './slice.ts'

/** A page ends after the event that makes it longer than this. */
export const PAGE_BYTES = 512 * 1024

/** A page of places in the log: what the I/O threads need to send the events from shared memory. */
export class LogPage implements EventPage {
  done = false
  readonly snapshotSeq: number
  /** Each event's segment, as it was when the event was found: the cache may let go of it before it is sent. */
  readonly #segments: SegmentBytes[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #bytes = 0

  constructor(snapshotSeq: number) {
    this.snapshotSeq = snapshotSeq
  }

  get count(): number {
    return this.#starts.length
  }

  get bytes(): number {
    return this.#bytes
  }

  byteLengthAt(index: number): number {
    return this.#ends[index]! - this.#starts[index]!
  }

  viewAt(index: number): Buffer {
    return this.#segments[index]!.buffer.subarray(this.#starts[index], this.#ends[index])
  }

  copyAt(index: number, target: Buffer, at: number): number {
    const { buffer } = this.#segments[index]!
    return buffer.copy(target, at, this.#starts[index], this.#ends[index])
  }

  /** The places as triples of segment id, start and length, for another thread. */
  places(): Uint32Array<ArrayBuffer> {
    const places = new Uint32Array(this.count * 3)
    for (let index = 0; index < this.count; index++) {
      places[index * 3] = this.#segments[index]!.shared.id
      places[index * 3 + 1] = this.#starts[index]!
      places[index * 3 + 2] = this.byteLengthAt(index)
    }
    return places
  }

  add(segment: Segment, range: JsonRange): void {
    this.#segments.push(segment.bytes)
    this.#starts.push(range.start)
    this.#ends.push(range.end)
    this.#bytes += range.end - range.start
  }
}

/** One filter's part of a query, between slices. */
interface Part {
  readonly filter: CompiledFilter
  remaining: number
  after: OrderKey | undefined
}

/** A stream with the match that it found and that was not yet taken. */
interface Head {
  readonly part: Part
  readonly stream: MatchStream
  state: 'wanted' | 'found' | 'end'
}

/**
 * A query in slices. Each slice opens its lists anew behind where the last one stopped, so that between
 * slices the log may grow, seal and compact as it likes.
 */
export class LogCursor implements EventCursor {
  readonly #set: SegmentSet
  readonly #limits: ScanLimits
  #parts: Part[] = []
  /** Sequence numbers of events that were sent already. */
  readonly #sent: ReadonlySet<number> | undefined
  readonly #range: JsonRange = { start: 0, end: 0 }

  /** @param sent sequence numbers of matches that count for their filter's limit, but are not to be sent again. */
  constructor(set: SegmentSet, filters: readonly Filter[], limits: ScanLimits, sent?: ReadonlySet<number>) {
    this.#sent = sent
    this.#set = set
    this.#limits = limits
    for (const filter of filters) {
      const compiled = new CompiledFilter(filter, set.hasher, limits.audience)
      const { limit } = compiled
      if (limit > 0) this.#parts.push({ filter: compiled, remaining: limit, after: undefined })
    }
  }

  next(maxEvents: number): LogPage {
    const page = new LogPage(this.#limits.maxSeq)
    if (this.#parts.length === 1) this.#nextOfOne(this.#parts[0]!, page, maxEvents)
    else this.#nextOfMany(page, maxEvents)
    page.done = this.#parts.length === 0
    return page
  }

  /** Most queries have one filter, and then nothing need be merged. */
  #nextOfOne(part: Part, page: LogPage, maxEvents: number): void {
    const stream = new MatchStream(this.#set, part.filter, this.#limits, part.after)
    const mayTake = Math.min(maxEvents, part.remaining)
    const slice = new Slice()
    let result: 'found' | 'end' | 'paused' = 'found'
    let taken = 0
    while (taken < mayTake && page.bytes < PAGE_BYTES) {
      result = stream.next(SLICE_CANDIDATES, slice)
      if (result !== 'found') break
      if (this.#add(page, stream)) taken++
    }
    part.remaining -= taken
    part.after = stream.resumeKey(true)
    if (result === 'end' || part.remaining === 0) this.#parts = []
  }

  #nextOfMany(page: LogPage, maxEvents: number): void {
    const heads = this.#parts.map((part) => this.#open(part))
    const slice = new Slice()
    let budget = SLICE_CANDIDATES
    while (page.count < maxEvents && page.bytes < PAGE_BYTES) {
      const spent = this.#advance(heads, budget, slice)
      if (spent === 'paused') break
      budget -= spent
      const best = newest(heads)
      if (best === undefined) break
      this.#add(page, best)
      take(heads, best)
    }
    this.#parts = heads.filter(isOpen).map(({ part, stream, state }) => {
      part.after = stream.resumeKey(state !== 'found')
      return part
    })
  }

  /** False when the event turns out to be lost. */
  #add(page: LogPage, { segment, ordinal }: MatchStream): boolean {
    if (this.#sent?.has(segment.seqOf(ordinal)) === true) return true
    locate(segment, ordinal, this.#range)
    // Reading it may have shown that the disk has damaged it.
    if (segment.isRemoved(ordinal)) return false
    page.add(segment, this.#range)
    return true
  }

  #open(part: Part): Head {
    const stream = new MatchStream(this.#set, part.filter, this.#limits, part.after)
    return { part, stream, state: 'wanted' }
  }

  /** Gives every open stream a head; returns the candidates looked at, or `paused` when that was too many. */
  #advance(heads: readonly Head[], budget: number, slice: Slice): number | 'paused' {
    let spent = 0
    for (const head of heads) {
      if (head.state !== 'wanted') continue
      const before = head.stream.examined
      const result = head.stream.next(before + budget - spent, slice)
      spent += head.stream.examined - before
      if (result === 'paused') return 'paused'
      head.state = result
    }
    return spent
  }
}

function isOpen({ state, part }: Head): boolean {
  return state !== 'end' && part.remaining > 0
}

function newest(heads: readonly Head[]): MatchStream | undefined {
  let best: MatchStream | undefined
  for (const { state, stream } of heads) {
    if (state === 'found' && (best === undefined || compareAnswers(stream, best) < 0)) best = stream
  }
  return best
}

/** Takes a match from every stream that has it at its head: each filter's limit counts it, it is sent once. */
function take(heads: readonly Head[], { segment, ordinal }: MatchStream): void {
  for (const head of heads) {
    if (head.state !== 'found' || head.stream.segment !== segment || head.stream.ordinal !== ordinal) continue
    head.part.remaining--
    head.state = head.part.remaining > 0 ? 'wanted' : 'end'
  }
}
