import { KINDS } from '../../nostr/index.ts'
import { authorKey, type IndexKey, kindKey, tagKey } from './index-key.ts'
import { authorOf, type Segment } from './segment.ts'
import type { SegmentSet } from './segment-set.ts'

/** At a start so many requests to vanish are looked into: opening a store takes no longer for all of its past. */
const MAX_REQUESTS = 200
const LETTER_P = 0x70

/**
 * Counts again, after a start, what has vanished and may still be in the files: by the requests that were stored last,
 * since what the earlier ones reached was erased long ago.
 */
export function countVanished(set: SegmentSet): void {
  let requests = 0
  set.walk(kindKey(set.hasher, KINDS.VANISH), (segment, ordinal) => {
    const isGone = (other: Segment, otherOrdinal: number) => other.isRemoved(otherOrdinal)
    countReached(set, authorOf(segment, ordinal), segment.createdAtOf(ordinal), isGone)
    return ++requests < MAX_REQUESTS
  })
}

/**
 * Notes in each segment how many of its events a request to vanish reaches. What was deleted or replaced before counts
 * as well: its author wants that erased no less.
 *
 * @param untilSeconds the time of the request.
 * @param isMeant chooses among what is reached; all of it unless told otherwise.
 */
export function countReached(
  set: SegmentSet,
  pubkey: string,
  untilSeconds: number,
  isMeant: (segment: Segment, ordinal: number) => boolean = () => true,
): void {
  const author = Buffer.from(pubkey, 'latin1')
  const written = authorKey(set.hasher, author, 0)
  const received = tagKey(set.hasher, LETTER_P, author)
  for (const segment of set.segments) {
    const isReached = (ordinal: number) =>
      segment.createdAtOf(ordinal) <= untilSeconds && isMeant(segment, ordinal)
    const isReachedWrap = (ordinal: number) =>
      segment.kindOf(ordinal) === KINDS.GIFT_WRAP && isReached(ordinal)
    segment.vanishedCount += countOf(segment, written, isReached) + countOf(segment, received, isReachedWrap)
  }
}

function countOf(segment: Segment, key: IndexKey, isCounted: (ordinal: number) => boolean): number {
  const postings = segment.find(key)
  if (postings === undefined) return 0
  let count = 0
  for (let place = 0; place < postings.count; place++) if (isCounted(postings.at(place))) count++
  return count
}
