import { placeOf } from './fingerprint-hash.ts'

/** Two words of 32 bits. */
export const BYTES_PER_FINGERPRINT = 8
/** How full a table may be. */
export const MAX_LOAD = 0.8
/** Not 2: the old table and the new one are there together, and half of a doubled one is empty. */
export const GROWTH = 1.25
const SMALLEST = 16

/** `fresh`: added since the last checkpoint. `pending`: in a checkpoint of which is not known that it is on disk. */
export type Standing = 'settled' | 'pending' | 'fresh'

/**
 * A set of numbers of 64 bits, open addressing with linear probing in one array of any length. Two bits for each slot,
 * there only while they are needed, say which are not on disk yet.
 */
export class FingerprintSet {
  readonly #seed: number
  /** Bits of a place that the caller has used up. */
  readonly #shift: number
  #capacity: number
  #keys: Uint32Array
  #fresh: Uint32Array | undefined
  #pending: Uint32Array | undefined
  #count = 0
  #maxCount: number
  #hasZero = false

  constructor({ seed, shift = 0, capacity = SMALLEST }: { seed: number; shift?: number; capacity?: number }) {
    this.#seed = seed
    this.#shift = shift
    this.#capacity = Math.max(SMALLEST, Math.ceil(capacity))
    this.#maxCount = Math.floor(this.#capacity * MAX_LOAD)
    // An empty slot is (0, 0); the fingerprint (0, 0) itself has the slot behind the last one, which is never probed.
    this.#keys = new Uint32Array(2 * this.#capacity)
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#keys.byteLength + (this.#fresh?.byteLength ?? 0) + (this.#pending?.byteLength ?? 0)
  }

  get isSettled(): boolean {
    return this.#fresh === undefined && this.#pending === undefined
  }

  /** @returns whether it is new; `place` is `placeOf` both words. */
  add(high: number, low: number, place: number, standing: Standing): boolean {
    const slot = this.#slotFor(high, low, place)
    if (slot < 0) return false
    this.#put(slot, high, low, standing)
    if (this.#count > this.#maxCount) this.#grow()
    return true
  }

  /** Everything that is in it, in no order. */
  forEach(visit: (high: number, low: number, standing: Standing) => void): void {
    if (this.#hasZero) visit(0, 0, this.#standingOf(this.#capacity))
    for (let slot = 0; slot < this.#capacity; slot++) {
      const high = this.#keys[2 * slot]!
      const low = this.#keys[2 * slot + 1]!
      if (high !== 0 || low !== 0) visit(high, low, this.#standingOf(slot))
    }
  }

  /** What is fresh becomes pending. */
  beginCheckpoint(): void {
    if (this.#fresh === undefined) return
    if (this.#pending === undefined) this.#pending = this.#fresh
    else for (let word = 0; word < this.#fresh.length; word++) this.#pending[word]! |= this.#fresh[word]!
    this.#fresh = undefined
  }

  countPending(): number {
    let count = 0
    for (const word of this.#pending ?? []) count += bitsIn(word)
    return count
  }

  forEachPending(visit: (high: number, low: number) => void): void {
    const pending = this.#pending
    if (pending === undefined) return
    for (let word = 0; word < pending.length; word++) {
      for (let bits = pending[word]!; bits !== 0; bits &= bits - 1) {
        const slot = word * 32 + 31 - Math.clz32(bits & -bits)
        if (slot === this.#capacity) visit(0, 0)
        else visit(this.#keys[2 * slot]!, this.#keys[2 * slot + 1]!)
      }
    }
  }

  /** What is pending becomes settled. */
  commitCheckpoint(): void {
    this.#pending = undefined
  }

  /** The free slot for it; −1 when it is there. */
  #slotFor(high: number, low: number, place: number): number {
    const capacity = this.#capacity
    if (high === 0 && low === 0) return this.#hasZero ? -1 : capacity
    const keys = this.#keys
    let slot = Math.floor((((place << this.#shift) >>> 0) * capacity) / 0x1_0000_0000)
    for (;;) {
      const there = keys[2 * slot]!
      const thereLow = keys[2 * slot + 1]!
      if (there === high && thereLow === low) return -1
      if (there === 0 && thereLow === 0) return slot
      slot += 1
      if (slot === capacity) slot = 0
    }
  }

  #put(slot: number, high: number, low: number, standing: Standing): void {
    if (slot === this.#capacity) this.#hasZero = true
    else {
      this.#keys[2 * slot] = high
      this.#keys[2 * slot + 1] = low
    }
    this.#count += 1
    if (standing === 'settled') return
    const bit = 1 << (slot & 31)
    if (standing === 'fresh') this.#fresh ??= this.#noBits()
    else this.#pending ??= this.#noBits()
    const bits = standing === 'fresh' ? this.#fresh! : this.#pending!
    bits[slot >>> 5]! |= bit
  }

  #noBits(): Uint32Array {
    return new Uint32Array((this.#capacity >>> 5) + 1)
  }

  #standingOf(slot: number): Standing {
    const bit = 1 << (slot & 31)
    if (this.#fresh !== undefined && (this.#fresh[slot >>> 5]! & bit) !== 0) return 'fresh'
    return this.#pending !== undefined && (this.#pending[slot >>> 5]! & bit) !== 0 ? 'pending' : 'settled'
  }

  #grow(): void {
    const next = new FingerprintSet({
      seed: this.#seed,
      shift: this.#shift,
      capacity: this.#capacity * GROWTH,
    })
    this.forEach((high, low, standing) => {
      const place = placeOf(high, low, this.#seed)
      next.#put(next.#slotFor(high, low, place), high, low, standing)
    })
    this.#capacity = next.#capacity
    this.#maxCount = next.#maxCount
    this.#keys = next.#keys
    this.#fresh = next.#fresh
    this.#pending = next.#pending
  }
}

function bitsIn(word: number): number {
  let count = 0
  for (let bits = word; bits !== 0; bits &= bits - 1) count += 1
  return count
}
