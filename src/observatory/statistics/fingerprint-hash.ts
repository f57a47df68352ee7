/** How fingerprints are spread over tables, and how one table holds several kinds of them. */

/** Spreads 32 bits so that each depends on each (the finalizer of MurmurHash3). Unsigned. */
export function mix32(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/**
 * Where a fingerprint goes, as a share of 2³². Ids with proof of work (NIP-13) and vanity keys share their first bits, so
 * neither word is taken as it is; the seed keeps a stranger from choosing ids that all go to one place.
 */
export function placeOf(high: number, low: number, seed: number): number {
  return mix32(Math.imul(high ^ seed, 0x9e3779b1) ^ low)
}

/** Two words to be XORed to a fingerprint. */
export interface Salt {
  readonly high: number
  readonly low: number
}

/**
 * Sets apart what goes into the same table. To make two salted fingerprints equal, somebody would have to choose all 64
 * bits of a hash or of a key.
 */
export function saltOf(purpose: number, number: number): Salt {
  const high = mix32(Math.imul(number + 1, 0x9e3779b1) ^ mix32(purpose))
  return { high, low: mix32(high ^ Math.imul(number + 1, 0x85ebca6b) ^ purpose) }
}
