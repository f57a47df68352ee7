import { type Bound, ID_BYTES } from './bound.ts'
import type { NegentropyItems } from './items.ts'
import { FINGERPRINT_BYTES } from './message.ts'
import { MAX_BOUND_BYTES, MessageWriter } from './message-writer.ts'

/** A peer must be able to make some progress in each message (NIP-77), so a smaller maximum counts as this. */
export const MIN_FRAME_BYTES = 4096

/** Into how many parts a range is split, … */
const PARTS = 16
/** … and below how many items its ids are told instead. */
const MIN_ITEMS_TO_SPLIT = 2 * PARTS

const MAX_SKIP_BYTES = MAX_BOUND_BYTES + 1
const MAX_FINGERPRINT_RANGE_BYTES = MAX_BOUND_BYTES + 1 + FINGERPRINT_BYTES
/** Bound, mode and number of ids. */
const MAX_IDS_HEAD_BYTES = MAX_BOUND_BYTES + 1 + 5
/** Kept free until the end: for the one fingerprint that stands for all that had no room, after a skip. */
const RESERVED_BYTES = MAX_SKIP_BYTES + MAX_FINGERPRINT_RANGE_BYTES

/**
 * Writes what is said of our items, range by range, in at most so many bytes. When there is no room for more, it is
 * full, and takes nothing further: what was not said is said by one fingerprint at the end, and the peer asks again.
 */
export class AnswerBuilder {
  readonly #items: NegentropyItems
  readonly #maxBytes: number
  readonly #writer = new MessageWriter()
  /** Items before this one are dealt with. */
  #next = 0
  /** Ranges up to here need no words. Written only when something follows: the end of a message says as much. */
  #skippedTo: Bound | undefined
  #isFull = false
  #isSilent = true

  /** @param maxFrameBytes of the message before it is written as hex; counts as 4,096 when smaller. */
  constructor(items: NegentropyItems, maxFrameBytes: number) {
    this.#items = items
    this.#maxBytes = Math.max(maxFrameBytes, MIN_FRAME_BYTES)
  }

  /** The first item that is not dealt with. */
  get next(): number {
    return this.#next
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** Nothing was said but skips. */
  get isSilent(): boolean {
    return this.#isSilent
  }

  /** Nothing more has to be said of the items before `until`. */
  skip(end: Bound, until: number): void {
    this.#skippedTo = end
    this.#next = until
  }

  /** Says of the items before `until` what lets the peer find differences: fingerprints of parts, or a few ids. */
  split(end: Bound, until: number): void {
    const start = this.#next
    const count = until - start
    if (count < MIN_ITEMS_TO_SPLIT) {
      this.listIds(end, until)
      return
    }
    for (let part = 1; part <= PARTS && !this.#isFull; part += 1) {
      // Parts differ by one item at most, the larger ones first.
      const partUntil = start + Math.floor(count / PARTS) * part + Math.min(part, count % PARTS)
      this.#tellFingerprint(part === PARTS ? end : this.#items.boundBefore(partUntil), partUntil)
    }
  }

  /** Says which ids there are before `until`; as many as have room. */
  listIds(end: Bound, until: number): void {
    const room = Math.floor((this.#room() - MAX_IDS_HEAD_BYTES) / ID_BYTES)
    const listed = Math.min(until - this.#next, room)
    // A list of none is a statement too, but a part of a list that holds none is not.
    if (listed < 0 || (listed === 0 && until > this.#next)) {
      this.#isFull = true
      return
    }
    const listedUntil = this.#next + listed
    this.#writeSkipped()
    this.#writer.writeIds(
      listedUntil === until ? end : this.#items.boundBefore(listedUntil),
      this.#items.idsBetween(this.#next, listedUntil),
    )
    this.#next = listedUntil
    this.#isFull = listedUntil < until
  }

  /**
   * The message.
   *
   * @param end of the last range that had to be spoken of; only looked at when there was no room for all.
   */
  finish(end: Bound): Uint8Array {
    if (this.#isFull) {
      this.#writeSkipped()
      const until = this.#items.indexOf(end, this.#next)
      this.#writer.writeFingerprint(end, this.#items.fingerprint(this.#next, until))
    }
    return this.#writer.finish()
  }

  #tellFingerprint(end: Bound, until: number): void {
    if (this.#room() < MAX_FINGERPRINT_RANGE_BYTES) {
      this.#isFull = true
      return
    }
    this.#writeSkipped()
    this.#writer.writeFingerprint(end, this.#items.fingerprint(this.#next, until))
    this.#next = until
  }

  /** Bytes that the next range may take, once the skip before it is written. */
  #room(): number {
    return this.#maxBytes - this.#writer.length - MAX_SKIP_BYTES - RESERVED_BYTES
  }

  #writeSkipped(): void {
    this.#isSilent = false
    if (this.#skippedTo === undefined) return
    this.#writer.writeSkip(this.#skippedTo)
    this.#skippedTo = undefined
  }
}
