import { KINDS } from '../../nostr/index.ts'
import { authorKindKey, kindKey } from './index-key.ts'
import { authorOf } from './segment.ts'
import type { Place, SegmentSet } from './segment-set.ts'

/**
 * The keys whose owners have asked to vanish (NIP-62), each with the time of their newest stored request. Every event
 * that comes in is held against this, so it is a table in memory: an entry for each such key, read from the index when
 * the store is opened and kept in step with what is decided.
 */
export class VanishedKeys {
  readonly #set: SegmentSet
  readonly #untilSeconds = new Map<string, number>()
  /** What was there before each change that is not on disk yet, to take it back if the write fails. */
  #changes: Change[] = []

  constructor(set: SegmentSet) {
    this.#set = set
    set.walk(kindKey(set.hasher, KINDS.VANISH), (segment, ordinal) => {
      const pubkey = authorOf(segment, ordinal)
      // Reading it may have shown that the disk has damaged it.
      if (!segment.isRemoved(ordinal)) this.#raise(pubkey, segment.createdAtOf(ordinal))
      return true
    })
  }

  /** Seconds; undefined for a key whose owner has not asked. */
  until(pubkey: string): number | undefined {
    return this.#untilSeconds.get(pubkey)
  }

  /** A request was appended. @param end where its record ends in the segment being written. */
  noteStored(pubkey: string, createdAt: number, end: number): void {
    this.#remember(pubkey, end)
    this.#raise(pubkey, createdAt)
  }

  /** A request was removed: the newest of those that are left counts. @param end of the record that orders it. */
  noteRemoved({ segment, ordinal }: Place, end: number): void {
    const pubkey = authorOf(segment, ordinal)
    this.#remember(pubkey, end)
    this.#untilSeconds.delete(pubkey)
    const key = authorKindKey(this.#set.hasher, Buffer.from(pubkey, 'latin1'), 0, KINDS.VANISH)
    this.#set.walk(key, (other, otherOrdinal) => {
      this.#raise(pubkey, other.createdAtOf(otherOrdinal))
      return true
    })
  }

  /** Everything up to this position is on disk. */
  settle(to: number): void {
    if (this.#changes.length > 0) this.#changes = this.#changes.filter(({ end }) => end > to)
  }

  /** What is not on disk did not happen. Reads nothing, since it is the disk that has failed. */
  takeBack(): void {
    for (const { pubkey, before } of this.#changes.toReversed()) {
      if (before === undefined) this.#untilSeconds.delete(pubkey)
      else this.#untilSeconds.set(pubkey, before)
    }
    this.#changes = []
  }

  #remember(pubkey: string, end: number): void {
    this.#changes.push({ pubkey, before: this.until(pubkey), end })
  }

  #raise(pubkey: string, createdAt: number): void {
    this.#untilSeconds.set(pubkey, Math.max(this.until(pubkey) ?? createdAt, createdAt))
  }
}

interface Change {
  readonly pubkey: string
  /** Seconds. */
  readonly before: number | undefined
  readonly end: number
}
