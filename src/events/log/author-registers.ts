/**
 * What `addToHyperLogLog` (NIP-45) does, straight from the hex characters of stored events: nothing is decoded or copied.
 */

const KEY_BYTES = 32
const BYTE_BITS = 8

/**
 * Counts an author in.
 *
 * @param registers 256 bytes.
 * @param hex holds the key's 64 hex characters at `at`.
 * @param offset in bytes of the key, from 8 to 23.
 */
export function addAuthor(registers: Uint8Array, hex: Uint8Array, at: number, offset: number): void {
  const register = hexByteAt(hex, at + offset * 2)
  const value = leadingZeroBits(hex, at, offset + 1) + 1
  if (value > registers[register]!) registers[register] = value
}

function leadingZeroBits(hex: Uint8Array, at: number, from: number): number {
  for (let index = from; index < KEY_BYTES; index++) {
    const byte = hexByteAt(hex, at + index * 2)
    // `clz32` counts over 32 bits, of which a byte fills the last eight.
    if (byte !== 0) return (index - from) * BYTE_BITS + Math.clz32(byte) - 24
  }
  return (KEY_BYTES - from) * BYTE_BITS
}

/** The byte that two lowercase hex characters say. */
export function hexByteAt(hex: Uint8Array, at: number): number {
  return (hexDigit(hex[at]!) << 4) | hexDigit(hex[at + 1]!)
}

/** Without a branch, which would be guessed wrong every other time: letters have the bit 0x40, and nine to add. */
function hexDigit(code: number): number {
  return (code & 0xf) + (code >> 6) * 9
}
