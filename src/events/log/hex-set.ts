import { bytesEqual, HEX_ID_LENGTH } from './event-bytes.ts'

/** A set of 64-character hex strings that is asked about bytes. */
export class HexSet {
  readonly #byPrefix = new Map<number, Buffer[]>()

  constructor(values: readonly string[]) {
    for (const value of values) {
      const bytes = Buffer.from(value, 'latin1')
      const prefix = prefixAt(bytes, 0)
      const same = this.#byPrefix.get(prefix)
      if (same === undefined) this.#byPrefix.set(prefix, [bytes])
      else same.push(bytes)
    }
  }

  has(bytes: Buffer, at: number): boolean {
    const candidates = this.#byPrefix.get(prefixAt(bytes, at))
    return candidates?.some((value) => bytesEqual(value, 0, bytes, at, HEX_ID_LENGTH)) ?? false
  }
}

function prefixAt(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
