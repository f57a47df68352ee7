import type { Filter } from '../../nostr/index.ts'
import type { IdSet } from '../store.ts'
import { hexByteAt } from './author-registers.ts'
import { idPosition } from './event-bytes.ts'
import { grownF64, grownU8 } from './growable.ts'
import type { ScanLimits } from './match-stream.ts'
import { MatchWalk } from './match-walk.ts'
import type { SegmentSet } from './segment-set.ts'
import type { SlicedTask } from './sliced-task.ts'

const ID_BYTES = 32
const ID_WORDS = 8

/** The ids of a filter's matches for set reconciliation (NIP-77); undefined when there are more than `maxIds`. */
export function openIdSet(
  set: SegmentSet,
  filter: Filter,
  maxIds: number,
  limits: ScanLimits,
): SlicedTask<IdSet | undefined> {
  // One more than is wanted tells that there are too many.
  const limit = Math.min(filter.limit ?? Number.POSITIVE_INFINITY, maxIds + 1)
  const walk = new MatchWalk(set, { ...filter, limit }, limits)
  const found = new FoundIds()
  return {
    get value() {
      return found.count > maxIds ? undefined : found.oldestFirst()
    },
    step: () => walk.step(found.add),
  }
}

/** Ids as they come from a walk: newest first, lowest id first within a second. */
class FoundIds {
  count = 0
  #createdAt = new Float64Array(256)
  #ids = new Uint8Array(256 * ID_BYTES)

  readonly add = (bytes: Buffer, jsonStart: number, createdAt: number): void => {
    const index = this.count++
    if (index === this.#createdAt.length) {
      this.#createdAt = grownF64(this.#createdAt, this.count)
      this.#ids = grownU8(this.#ids, this.count * ID_BYTES)
    }
    this.#createdAt[index] = createdAt
    const from = idPosition(jsonStart)
    const to = index * ID_BYTES
    const ids = this.#ids
    for (let byte = 0; byte < ID_BYTES; byte++) ids[to + byte] = hexByteAt(bytes, from + byte * 2)
  }

  /** The seconds change places, the ids within one keep theirs. */
  oldestFirst(): IdSet {
    const createdAt = new Float64Array(this.count)
    const ids = new Uint8Array(this.count * ID_BYTES)
    // By words, since most seconds have one event, and a copy of 32 bytes by any other means costs more than it does.
    const words = new Uint32Array(ids.buffer)
    const foundWords = new Uint32Array(this.#ids.buffer)
    let written = 0
    for (let end = this.count; end > 0; ) {
      const start = this.#startOfSecond(end)
      for (let index = start; index < end; index++, written++) {
        createdAt[written] = this.#createdAt[index]!
        for (let word = 0; word < ID_WORDS; word++) {
          words[written * ID_WORDS + word] = foundWords[index * ID_WORDS + word]!
        }
      }
      end = start
    }
    return { createdAt, ids }
  }

  /** Where the run of events of one second begins that ends before `end`. */
  #startOfSecond(end: number): number {
    const seconds = this.#createdAt[end - 1]
    let start = end - 1
    while (start > 0 && this.#createdAt[start - 1] === seconds) start--
    return start
  }
}
