import { type Bound, RESERVED_TIMESTAMP } from './bound.ts'
import { MODES, PROTOCOL_VERSION } from './message.ts'

/** No bound takes more: a varint of 64 bits, the length of the prefix, a whole id. */
export const MAX_BOUND_BYTES = 10 + 1 + 32

/** Writes a message, range by range, in ascending order. Grows as needed; how far, is bounded by who writes. */
export class MessageWriter {
  #bytes = new Uint8Array(512)
  #length = 1
  #previousTimestamp = 0n

  constructor() {
    this.#bytes[0] = PROTOCOL_VERSION
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  writeSkip(end: Bound): void {
    this.#writeBound(end)
    this.#writeVarint(MODES.skip)
  }

  writeFingerprint(end: Bound, fingerprint: Uint8Array): void {
    this.#writeBound(end)
    this.#writeVarint(MODES.fingerprint)
    this.#writeBytes(fingerprint)
  }

  /** @param ids 32 bytes each. */
  writeIds(end: Bound, ids: Uint8Array): void {
    this.#writeBound(end)
    this.#writeVarint(MODES.ids)
    this.#writeVarint(BigInt(ids.length / 32))
    this.#writeBytes(ids)
  }

  /** The message. The writer is not to be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #writeBound({ timestamp, idPrefix }: Bound): void {
    if (timestamp === RESERVED_TIMESTAMP) this.#writeVarint(0n)
    else {
      this.#writeVarint(timestamp - this.#previousTimestamp + 1n)
      this.#previousTimestamp = timestamp
    }
    this.#writeVarint(BigInt(idPrefix.length))
    this.#writeBytes(idPrefix)
  }

  #writeVarint(value: bigint): void {
    this.#writeBytes(encodeVarint(value))
  }

  #writeBytes(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(bytes, this.#length)
    this.#length = length
  }
}

/** Base 128, most significant first, the high bit on all bytes but the last (NIP-77). */
export function encodeVarint(value: bigint): Uint8Array {
  const digits = [Number(value & 127n)]
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) digits.push(Number(rest & 127n) | 128)
  return Uint8Array.from(digits.reverse())
}
