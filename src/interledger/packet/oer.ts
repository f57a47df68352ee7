/**
 * Octet Encoding Rules (ITU-T X.696, canonical), as far as Interledger uses them: fixed and variable integers without
 * sign, octet strings with a length before them.
 */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'

/** Thrown inside a reading, and never outside this file: `readOer` makes a refusal of it. */
class OerFault extends Error {
  text = ''
}

/**
 * There is only this one: a peer may send garbage thousands of times a second, and a stack trace for each would cost
 * more than all the reading. A reading never waits, so its text is taken before another is written.
 */
const FAULT = new OerFault('an OER reading was given up')

/** Lengths of more than this many bytes describe more than anybody may send. */
const MAX_LENGTH_BYTES = 3
/** An integer of so many bytes is exactly a number, which is many times cheaper than a bigint. */
const MAX_NUMBER_BYTES = 6

/**
 * Reads a whole buffer with `read`. What is cut short, longer than said, or not canonical is refused with a text; views
 * of the buffer are handed out, not copies.
 */
export function readOer<T>(bytes: Buffer, read: (reader: OerReader) => T): Outcome<T, string> {
  try {
    return accepted(read(new OerReader(bytes)))
  } catch (error) {
    if (error instanceof OerFault) return refused(error.text)
    throw error
  }
}

/** Stands in a buffer and steps over what it reads. For use within `readOer`, which catches what it throws. */
export class OerReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** Ends the reading with a refusal. */
  fail(text: string): never {
    FAULT.text = text
    throw FAULT
  }

  uint8(): number {
    return this.#bytes[this.#step(1)]!
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#step(2))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#step(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#step(8))
  }

  /** A fixed number of bytes, as a view. */
  octets(length: number): Buffer {
    const start = this.#step(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** A length, and so many bytes, as a view. */
  varOctets(): Buffer {
    return this.octets(this.#length())
  }

  /** An integer without sign with its length before it; more than 64 bits are refused. */
  varUint(): bigint {
    const bytes = this.varOctets()
    if (bytes.length === 0) return this.fail('an integer has no bytes')
    if (bytes.length > 8) return this.fail('an integer has more than 64 bits')
    if (bytes.length <= MAX_NUMBER_BYTES) return BigInt(bytes.readUIntBE(0, bytes.length))
    let value = 0n
    for (const byte of bytes) value = (value << 8n) | BigInt(byte)
    return value
  }

  /** A `varUint` that is used as a count or an id. */
  varUintNumber(max: number): number {
    const value = this.varUint()
    if (value > BigInt(max)) return this.fail(`${value} is more than ${max}`)
    return Number(value)
  }

  #length(): number {
    const first = this.uint8()
    if (first < 0x80) return first
    const size = first & 0x7f
    if (size === 0 || size > MAX_LENGTH_BYTES) return this.fail('a length is not readable')
    let length = 0
    for (let index = 0; index < size; index++) length = length * 256 + this.uint8()
    // The shortest form is the only one (X.696, canonical; RFC-0030, "Length Prefix").
    return length < (size === 1 ? 0x80 : 256 ** (size - 1)) ? this.fail('a length is not canonical') : length
  }

  #step(length: number): number {
    const start = this.#at
    if (start + length > this.#bytes.length) return this.fail('it is cut short')
    this.#at = start + length
    return start
  }
}

/** Bytes that an octet string of so many bytes takes with its length. */
export function varOctetsLength(length: number): number {
  if (length < 0x80) return 1 + length
  if (length <= 0xff) return 2 + length
  if (length <= 0xffff) return 3 + length
  return 4 + length
}

/** Bytes that the shortest form of an integer has, without the length before it; 0 has one. */
function uintLength(value: bigint): number {
  if (value <= 0xffn) return 1
  let length = 1
  for (let rest = value >> 8n; rest > 0n; rest >>= 8n) length++
  return length
}

/** Bytes of an integer with its length before it. */
export function varUintLength(value: bigint): number {
  return 1 + uintLength(value)
}

/** Writes into a buffer of exactly the length that was computed before; `bytes` is it when everything was written. */
export class OerWriter {
  readonly bytes: Buffer
  #at = 0

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length)
  }

  uint8(value: number): this {
    this.bytes[this.#at++] = value
    return this
  }

  uint16(value: number): this {
    this.#at = this.bytes.writeUInt16BE(value, this.#at)
    return this
  }

  uint32(value: number): this {
    this.#at = this.bytes.writeUInt32BE(value, this.#at)
    return this
  }

  uint64(value: bigint): this {
    this.#at = this.bytes.writeBigUInt64BE(value, this.#at)
    return this
  }

  octets(octets: Uint8Array): this {
    this.bytes.set(octets, this.#at)
    this.#at += octets.length
    return this
  }

  ascii(text: string): this {
    this.#at += this.bytes.write(text, this.#at, 'latin1')
    return this
  }

  length(length: number): this {
    if (length < 0x80) return this.uint8(length)
    if (length <= 0xff) return this.uint8(0x81).uint8(length)
    if (length <= 0xffff) return this.uint8(0x82).uint16(length)
    return this.uint8(0x83)
      .uint8(length >> 16)
      .uint16(length & 0xffff)
  }

  varOctets(octets: Uint8Array): this {
    return this.length(octets.length).octets(octets)
  }

  varAscii(text: string): this {
    return this.length(text.length).ascii(text)
  }

  varUint(value: bigint): this {
    const length = uintLength(value)
    this.uint8(length)
    if (length === 8) return this.uint64(value)
    if (length <= MAX_NUMBER_BYTES) {
      this.#at = this.bytes.writeUIntBE(Number(value), this.#at, length)
      return this
    }
    for (let shift = BigInt(length - 1) * 8n; shift >= 0n; shift -= 8n)
      this.uint8(Number((value >> shift) & 0xffn))
    return this
  }
}
