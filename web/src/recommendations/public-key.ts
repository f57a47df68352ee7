/** A public key as people paste it: 64 hex digits, or `npub1…` (NIP-19, bech32). */

const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const KEY_BYTES = 32
const CHECKSUM_LETTERS = 6
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const

export type PublicKeyRefusal = 'empty' | 'secret' | 'mistyped' | 'not-a-key'

export type PublicKeyReading =
  | { readonly ok: true; readonly pubkey: string }
  | { readonly ok: false; readonly refusal: PublicKeyRefusal }

export function readPublicKey(text: string): PublicKeyReading {
  const word = text
    .trim()
    .replace(/^nostr:/i, '')
    .toLowerCase()
  if (word === '') return refused('empty')
  if (/^[0-9a-f]{64}$/.test(word)) return { ok: true, pubkey: word }
  if (word.startsWith('nsec1')) return refused('secret')
  if (!word.startsWith('npub1')) return refused('not-a-key')
  const bytes = bech32Bytes(word)
  if (bytes?.length !== KEY_BYTES) return refused('mistyped')
  return { ok: true, pubkey: bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('') }
}

function refused(refusal: PublicKeyRefusal): PublicKeyReading {
  return { ok: false, refusal }
}

/** The bytes of bech32 (BIP-173); undefined when a letter or the checksum is wrong. */
function bech32Bytes(word: string): readonly number[] | undefined {
  const end = word.lastIndexOf('1')
  const prefix = Array.from(word.slice(0, end), (letter) => letter.charCodeAt(0))
  const values = Array.from(word.slice(end + 1), (letter) => LETTERS.indexOf(letter))
  if (values.includes(-1) || values.length <= CHECKSUM_LETTERS) return undefined
  const spread = [...prefix.map((code) => code >> 5), 0, ...prefix.map((code) => code & 31)]
  if (checksum([...spread, ...values]) !== 1) return undefined
  return regrouped(values.slice(0, -CHECKSUM_LETTERS))
}

function checksum(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of GENERATORS.entries()) if ((top >> bit) & 1) sum ^= generator
  }
  return sum
}

/** Groups of five bits as bytes; bits that are left over are padding. */
function regrouped(values: readonly number[]): readonly number[] {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const value of values) {
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  return bytes
}
