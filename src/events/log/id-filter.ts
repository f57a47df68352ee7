/**
 * Tells, without a look-up, that an id is surely not stored: a Bloom filter over the first four bytes of ids, 16 bits
 * an event, in shared memory so that every I/O thread can ask before it verifies a signature. Removed ids stay
 * in it until it is rebuilt; a "maybe" is always followed by a real look-up.
 */
export class IdFilter {
  readonly shared: SharedArrayBuffer
  readonly #bits: Uint8Array
  readonly #mask: number

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.#bits = new Uint8Array(shared)
    this.#mask = this.#bits.length * 8 - 1
  }

  /** An empty filter for about `events` ids. */
  static forEvents(events: number): IdFilter {
    const bytes = 2 ** Math.ceil(Math.log2(Math.max(events, 32 * 1024) * 2))
    return new IdFilter(new SharedArrayBuffer(Math.min(bytes, MAX_BYTES)))
  }

  /** How many ids it is meant for; beyond the biggest size it only gets less sure. */
  get capacity(): number {
    return this.#bits.length < MAX_BYTES ? this.#bits.length / 2 : Number.POSITIVE_INFINITY
  }

  /** @param prefix the first four bytes of the id as an unsigned number. */
  add(prefix: number): void {
    let hash = prefix
    for (let probe = 0; probe < PROBES; probe++) {
      hash = next(hash)
      const bit = (hash >>> 0) & this.#mask
      this.#bits[bit >>> 3]! |= 1 << (bit & 7)
    }
  }

  mayHave(prefix: number): boolean {
    let hash = prefix
    for (let probe = 0; probe < PROBES; probe++) {
      hash = next(hash)
      const bit = (hash >>> 0) & this.#mask
      if ((this.#bits[bit >>> 3]! & (1 << (bit & 7))) === 0) return false
    }
    return true
  }
}

const PROBES = 3
/** 134 million ids at 16 bits each. */
const MAX_BYTES = 2 ** 28

function next(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) + 0x9e3779b9
  return Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
}
