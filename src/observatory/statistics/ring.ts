import type { StateReader, StateWriter } from './state-bytes.ts'

/**
 * A number for each of the newest hours or days, by absolute number, so that time passing needs no work: what is older
 * than the ring holds is forgotten when something newer comes.
 */
export class Ring {
  readonly #slots: Uint32Array
  #newest = 0

  constructor(size: number) {
    this.#slots = new Uint32Array(size)
  }

  static read(reader: StateReader, size: number): Ring {
    const ring = new Ring(size)
    ring.#newest = reader.u32()
    for (let slot = 0; slot < size; slot++) ring.#slots[slot] = reader.u32()
    return ring
  }

  write(writer: StateWriter): void {
    writer.u32(this.#newest)
    for (const value of this.#slots) writer.u32(value)
  }

  get bytes(): number {
    return this.#slots.byteLength
  }

  add(bucket: number, amount: number): void {
    const slots = this.#slots
    if (bucket > this.#newest) this.#advance(bucket)
    else if (bucket <= this.#newest - slots.length) return
    slots[bucket % slots.length]! += amount
  }

  at(bucket: number): number {
    const isHeld = bucket <= this.#newest && bucket > this.#newest - this.#slots.length
    return isHeld ? this.#slots[bucket % this.#slots.length]! : 0
  }

  /** The sum from a bucket to the newest. */
  since(bucket: number): number {
    const slots = this.#slots
    const size = slots.length
    const first = Math.max(bucket, this.#newest - size + 1)
    let sum = 0
    let slot = first % size
    for (let left = this.#newest - first; left >= 0; left--) {
      sum += slots[slot]!
      slot += 1
      if (slot === size) slot = 0
    }
    return sum
  }

  #advance(bucket: number): void {
    const size = this.#slots.length
    if (bucket - this.#newest >= size) this.#slots.fill(0)
    else for (let between = this.#newest + 1; between <= bucket; between++) this.#slots[between % size] = 0
    this.#newest = bucket
  }
}
