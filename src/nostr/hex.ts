/** 1 at the codes of `0`-`9` and `a`-`f`. */
const IS_HEX_DIGIT = new Uint8Array(256)
for (const digit of '0123456789abcdef') IS_HEX_DIGIT[digit.charCodeAt(0)] = 1

/**
 * Is this exactly `length` characters of lowercase hex? Event members must be lowercase (NIP-01).
 *
 * Every event brings 256 such characters, so the loop has no branch: it looks each code up and gathers what
 * it saw. 1 µs an event where a regular expression, or comparing the ranges, takes 2.
 */
function isLowercaseHex(value: unknown, length: number): value is string {
  if (typeof value !== 'string' || value.length !== length) return false
  let allHex = 1
  let codesSeen = 0
  for (let index = 0; index < length; index += 1) {
    const code = value.charCodeAt(index)
    codesSeen |= code
    // Never out of bounds: the table has a place for each of the 256 codes.
    allHex &= IS_HEX_DIGIT[code & 255]!
  }
  return allHex === 1 && codesSeen < 256
}

/** 32 bytes as lowercase hex: an event id or a public key. */
export function isHex64(value: unknown): value is string {
  return isLowercaseHex(value, 64)
}

/** 64 bytes as lowercase hex: a signature. */
export function isHex128(value: unknown): value is string {
  return isLowercaseHex(value, 128)
}
