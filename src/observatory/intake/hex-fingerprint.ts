/** Values of hexadecimal digits by their code; `NO_DIGIT` for everything else. */
const DIGITS = new Uint8Array(256).fill(0x80)
const NO_DIGIT = 0x80
for (let value = 0; value < 16; value++) DIGITS['0123456789abcdef'.charCodeAt(value)] = value

/** 32 bits from eight lowercase hexadecimal characters in bytes; −1 when there is another character among them. */
export function hex32InBytes(bytes: Uint8Array, at: number): number {
  const a = DIGITS[bytes[at]!]!
  const b = DIGITS[bytes[at + 1]!]!
  const c = DIGITS[bytes[at + 2]!]!
  const d = DIGITS[bytes[at + 3]!]!
  const e = DIGITS[bytes[at + 4]!]!
  const f = DIGITS[bytes[at + 5]!]!
  const g = DIGITS[bytes[at + 6]!]!
  const h = DIGITS[bytes[at + 7]!]!
  if (((a | b | c | d | e | f | g | h) & NO_DIGIT) !== 0) return -1
  return ((a << 28) | (b << 24) | (c << 20) | (d << 16) | (e << 12) | (f << 8) | (g << 4) | h) >>> 0
}

/** 32 bits from eight lowercase hexadecimal characters of a text that is known to have them. */
export function hex32InText(text: string, at: number): number {
  let value = 0
  for (let index = at; index < at + 8; index++) value = (value << 4) | DIGITS[text.charCodeAt(index) & 255]!
  return value >>> 0
}
