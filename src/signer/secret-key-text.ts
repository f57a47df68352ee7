import { publicKeyOf } from './schnorr-signer.ts'

const BECH32_DIGITS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

const BECH32_GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]

/** `nsec` and its separator; what follows are 32 bytes in 52 digits, and a checksum of six. */
const NSEC_PREFIX = 'nsec'
const NSEC_CHARACTERS = NSEC_PREFIX.length + 1 + 52 + 6

/**
 * A secret key as people hand it over: an `nsec` (NIP-19) or 64 hex characters, white space around it allowed.
 * Undefined for anything else, and for numbers that are no key.
 */
export function parseSecretKey(text: string): Uint8Array | undefined {
  const trimmed = text.trim()
  const bytes = parseSecretHex(trimmed) ?? decodeNsec(trimmed)
  return bytes === undefined || publicKeyOf(bytes) === undefined ? undefined : bytes
}

/** 32 bytes as 64 hex characters, white space around them allowed. Undefined for anything else. */
export function parseSecretHex(text: string): Uint8Array | undefined {
  const trimmed = text.trim()
  return /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : undefined
}

/** Bech32 (BIP-173) for this one prefix: small enough to read, and without a library that would see every key. */
function decodeNsec(text: string): Uint8Array | undefined {
  if (text.length !== NSEC_CHARACTERS) return undefined
  // Digits come in one case, either.
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return undefined
  const lowered = text.toLowerCase()
  if (!lowered.startsWith(`${NSEC_PREFIX}1`)) return undefined
  const digits = Array.from(lowered.slice(NSEC_PREFIX.length + 1), (char) => BECH32_DIGITS.indexOf(char))
  if (digits.includes(-1) || checksumOf([...expandedPrefix(), ...digits]) !== 1) return undefined
  return bytesOf(digits.slice(0, -6))
}

/** The prefix as BIP-173 feeds it to the checksum: upper bits, a zero, lower bits. */
function expandedPrefix(): readonly number[] {
  const codes = Array.from(NSEC_PREFIX, (char) => char.charCodeAt(0))
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
}

function checksumOf(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, term] of BECH32_GENERATOR.entries()) {
      if (((top >> bit) & 1) === 1) sum ^= term
    }
  }
  return sum
}

/** 52 digits of five bits are 32 bytes and four bits, which must be zero. */
function bytesOf(digits: readonly number[]): Uint8Array | undefined {
  const bits = digits.map((digit) => digit.toString(2).padStart(5, '0')).join('')
  if (!/^0*$/.test(bits.slice(256))) return undefined
  return Uint8Array.from({ length: 32 }, (_, index) =>
    Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2),
  )
}
