import { mix32 } from './fingerprint-hash.ts'

/** Powers of two. */
const SMALLEST = 256
const LARGEST_KEPT = 65_536

/** Counts by pairs of 32-bit numbers, within one call: what a Map of texts would do, at a tenth of its time. */
export class Tally {
  #capacity = SMALLEST
  #keys = new Uint32Array(2 * SMALLEST)
  #counts = new Uint32Array(SMALLEST)
  #size = 0

  /** Adds one. */
  add(first: number, second: number): void {
    const slot = this.#slotOf(first, second)
    if (this.#counts[slot] === 0) {
      this.#keys[2 * slot] = first
      this.#keys[2 * slot + 1] = second
      this.#size += 1
    }
    this.#counts[slot]! += 1
    if (this.#size > this.#capacity / 2) this.#grow()
  }

  /** Hands out everything that was counted; empty afterwards. */
  drain<T>(row: (first: number, second: number, count: number) => T): T[] {
    const rows: T[] = []
    for (let slot = 0; slot < this.#capacity; slot++) {
      const count = this.#counts[slot]!
      if (count > 0) rows.push(row(this.#keys[2 * slot]!, this.#keys[2 * slot + 1]!, count))
    }
    this.#size = 0
    if (this.#capacity > LARGEST_KEPT) this.#begin(SMALLEST)
    else this.#counts.fill(0)
    return rows
  }

  get bytes(): number {
    return this.#keys.byteLength + this.#counts.byteLength
  }

  #slotOf(first: number, second: number): number {
    let slot = mix32(Math.imul(first, 0x9e3779b1) ^ second) & (this.#capacity - 1)
    while (
      this.#counts[slot] !== 0 &&
      (this.#keys[2 * slot] !== first || this.#keys[2 * slot + 1] !== second)
    )
      slot = (slot + 1) & (this.#capacity - 1)
    return slot
  }

  #begin(capacity: number): void {
    this.#capacity = capacity
    this.#keys = new Uint32Array(2 * capacity)
    this.#counts = new Uint32Array(capacity)
  }

  #grow(): void {
    const [keys, counts] = [this.#keys, this.#counts]
    this.#begin(2 * this.#capacity)
    for (let before = 0; before < counts.length; before++) {
      if (counts[before] === 0) continue
      const slot = this.#slotOf(keys[2 * before]!, keys[2 * before + 1]!)
      this.#keys[2 * slot] = keys[2 * before]!
      this.#keys[2 * slot + 1] = keys[2 * before + 1]!
      this.#counts[slot] = counts[before]!
    }
  }
}
