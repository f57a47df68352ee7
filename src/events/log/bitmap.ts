/** One bit an event; grows when a bit beyond the end is set. */
export class Bitmap {
  #bits: Uint8Array
  #count = 0

  constructor(bits: Uint8Array = new Uint8Array(0)) {
    this.#bits = bits
    for (const byte of bits) this.#count += ONES[byte]!
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count
  }

  get bytes(): Uint8Array {
    return this.#bits
  }

  has(index: number): boolean {
    return ((this.#bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** Sets a bit; false when it was set. */
  add(index: number): boolean {
    if (this.has(index)) return false
    const byte = index >> 3
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(byte + 1, this.#bits.length * 2, 64))
      grown.set(this.#bits)
      this.#bits = grown
    }
    this.#bits[byte]! |= 1 << (index & 7)
    this.#count++
    return true
  }

  delete(index: number): void {
    if (!this.has(index)) return
    this.#bits[index >> 3]! &= ~(1 << (index & 7))
    this.#count--
  }
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0
  for (let rest = byte; rest !== 0; rest >>= 1) ones += rest & 1
  return ones
})
