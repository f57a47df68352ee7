/**
 * A place in the order of items (NIP-77: by time, then by id as bytes) where one range ends and the next begins.
 * Items before it belong to the range that it ends.
 */
export interface Bound {
  /**
   * Seconds. A bigint, since peers may send any 64-bit number and get the very same one back; times of events
   * themselves fit a number.
   */
  readonly timestamp: bigint
  /** The first 0 to 32 bytes of an id; what is left out counts as zeros. */
  readonly idPrefix: Uint8Array
}

/** 2^64-1 is kept for the end of everything; no item and no other bound may have it (NIP-77). */
export const RESERVED_TIMESTAMP = 2n ** 64n - 1n

export const ID_BYTES = 32

export const NO_PREFIX = new Uint8Array(0)

/** Behind every item. */
export const INFINITE_BOUND: Bound = { timestamp: RESERVED_TIMESTAMP, idPrefix: NO_PREFIX }

/** Is `a` an earlier place than `b`? */
export function isBefore(a: Bound, b: Bound): boolean {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp
  for (let index = 0; index < ID_BYTES; index += 1) {
    const difference = (a.idPrefix[index] ?? 0) - (b.idPrefix[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** Before every item. */
export const FIRST_BOUND: Bound = { timestamp: 0n, idPrefix: NO_PREFIX }

/** The place at the start of a second. */
export function startOfSecond(seconds: number): Bound {
  return { timestamp: BigInt(seconds), idPrefix: NO_PREFIX }
}
