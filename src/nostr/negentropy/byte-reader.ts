const MAX_VARINT = 2n ** 64n - 1n
/** Seven bytes hold 49 bits, which a number holds exactly. */
const PLAIN_VARINT_BYTES = 7

/**
 * Reads a message from its first byte to its last. After a fault every read gives zeros, so whoever reads asks
 * for `fault` once for each piece and not after each byte; nothing is ever thrown.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  #position = 0
  #fault: string | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The first thing that was wrong, for the client. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#position
  }

  readByte(): number {
    if (this.left === 0) this.fail('the message ends in the middle of a range')
    if (this.#fault !== undefined) return 0
    return this.#bytes[this.#position++]!
  }

  /** A view of the next bytes, not a copy. */
  readBytes(length: number): Uint8Array {
    if (length > this.left) this.fail('the message ends in the middle of a range')
    if (this.#fault !== undefined) return new Uint8Array(0)
    const start = this.#position
    this.#position += length
    return this.#bytes.subarray(start, this.#position)
  }

  /** Base 128, most significant first, the high bit on all bytes but the last; minimal, at most 64 bits (NIP-77). */
  readVarint(): bigint {
    let byte = this.readByte()
    if (byte === 0x80) return this.fail('a varint begins with a zero digit')
    let plain = byte & 127
    for (let length = 1; byte >= 128 && length < PLAIN_VARINT_BYTES; length += 1) {
      byte = this.readByte()
      plain = plain * 128 + (byte & 127)
    }
    return byte < 128 ? BigInt(plain) : this.#readLongVarint(BigInt(plain))
  }

  /** The first fault stays. */
  fail(text: string): 0n {
    this.#fault ??= text
    return 0n
  }

  #readLongVarint(head: bigint): bigint {
    let value = head
    let byte = 128
    while (byte >= 128) {
      byte = this.readByte()
      value = value * 128n + BigInt(byte & 127)
      if (value > MAX_VARINT) return this.fail('a varint is beyond 64 bits')
    }
    return value
  }
}
