import { placeOf } from './fingerprint-hash.ts'
import { BYTES_PER_FINGERPRINT, FingerprintSet, GROWTH, MAX_LOAD, type Standing } from './fingerprint-set.ts'

/** A day with more than these is divided. */
const DIVIDED_FROM = 49_152
const PART_BITS = 6
const PARTS = 1 << PART_BITS

/**
 * The fingerprints of one day. A large day is many tables of different sizes, so that they grow one after the other: no
 * moment needs all of them twice, and their load is even.
 */
export class DayFingerprints {
  readonly #seed: number
  #parts: FingerprintSet[]
  /** The number of the call that used it last, for `FingerprintDays`. */
  usedAt = 0

  constructor(seed: number) {
    this.#seed = seed
    this.#parts = [new FingerprintSet({ seed })]
  }

  get count(): number {
    return this.#parts.reduce((sum, part) => sum + part.count, 0)
  }

  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.bytes, 0)
  }

  get isSettled(): boolean {
    return this.#parts.every((part) => part.isSettled)
  }

  /** Words unsigned, as typed arrays give them. @returns whether it is new. */
  add(high: number, low: number, standing: Standing = 'fresh'): boolean {
    const place = placeOf(high, low, this.#seed)
    if (this.#parts.length === PARTS)
      return this.#parts[place >>> (32 - PART_BITS)]!.add(high, low, place, standing)
    const only = this.#parts[0]!
    const isNew = only.add(high, low, place, standing)
    if (isNew && only.count > DIVIDED_FROM) this.#divide(only)
    return isNew
  }

  /** Adds what a checkpoint wrote. */
  load(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + BYTES_PER_FINGERPRINT <= bytes.length; at += BYTES_PER_FINGERPRINT)
      this.add(view.getUint32(at, true), view.getUint32(at + 4, true), 'settled')
  }

  /** Those that no checkpoint on disk holds, eight bytes each; undefined when there are none. */
  checkpoint(): Uint8Array | undefined {
    for (const part of this.#parts) part.beginCheckpoint()
    const count = this.#parts.reduce((sum, part) => sum + part.countPending(), 0)
    if (count === 0) return undefined
    const bytes = new Uint8Array(count * BYTES_PER_FINGERPRINT)
    const view = new DataView(bytes.buffer)
    let at = 0
    for (const part of this.#parts) {
      part.forEachPending((high, low) => {
        view.setUint32(at, high, true)
        view.setUint32(at + 4, low, true)
        at += BYTES_PER_FINGERPRINT
      })
    }
    return bytes
  }

  commitCheckpoint(): void {
    for (const part of this.#parts) part.commitCheckpoint()
  }

  #divide(only: FingerprintSet): void {
    const each = only.count / PARTS / MAX_LOAD
    const parts = Array.from(
      { length: PARTS },
      (_, part) =>
        new FingerprintSet({ seed: this.#seed, shift: PART_BITS, capacity: each * GROWTH ** (part / PARTS) }),
    )
    only.forEach((high, low, standing) => {
      const place = placeOf(high, low, this.#seed)
      parts[place >>> (32 - PART_BITS)]!.add(high, low, place, standing)
    })
    this.#parts = parts
  }
}
