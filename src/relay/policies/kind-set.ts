import { KINDS, MAX_KIND } from '../../nostr/index.ts'
import type { KindRange } from '../settings.ts'

/** A set of kinds: one look-up in a bit map, whatever is in it. */
export class KindSet {
  readonly #bits = new Uint8Array((MAX_KIND + 1) / 8)
  readonly isEmpty: boolean

  /** @param ranges as the configuration has checked them. */
  constructor(ranges: readonly KindRange[]) {
    this.isEmpty = ranges.length === 0
    for (const range of ranges) {
      const [first, last] = boundsOf(range)
      for (let kind = first; kind <= Math.min(last, MAX_KIND); kind++)
        this.#bits[kind >> 3]! |= 1 << (kind & 7)
    }
  }

  has(kind: number): boolean {
    return (this.#bits[kind >> 3]! & (1 << (kind & 7))) !== 0
  }
}

/** First and last kind of a range, both included. */
export function boundsOf(range: KindRange): readonly [number, number] {
  const [first = '', last = first] = String(range).split('-')
  return [Number(first), Number(last)]
}

/**
 * Kinds that a key without any standing must be able to send: a request to vanish (NIP-62), and those that ask to become
 * a member or to leave (NIP-43).
 */
export function asksForStanding(kind: number): boolean {
  return kind === KINDS.VANISH || kind === KINDS.JOIN_REQUEST || kind === KINDS.LEAVE_REQUEST
}
