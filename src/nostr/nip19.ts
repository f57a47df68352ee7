/** Keys and event ids as people pass them around: `npub1…`, `note1…` (NIP-19). Read only; inside they are hex. */
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { isHex64 } from './hex.ts'

/** Longer texts are not looked at; an `nevent` with several relays stays below. */
const MAX_CHARACTERS = 2_000
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const CHECKSUM_WORDS = 6
/** In a list of type, length, value: the key of an `nprofile`, the id of an `nevent`. */
const SPECIAL = 0

/** A public key as hex, from hex, `npub1…` or `nprofile1…`, with or without `nostr:` before it. */
export function readPubkeyText(text: string): Outcome<string, string> {
  return readHex32(text, { bare: 'npub', list: 'nprofile', what: 'a public key' })
}

/** An event id as hex, from hex, `note1…` or `nevent1…`, with or without `nostr:` before it. */
export function readEventIdText(text: string): Outcome<string, string> {
  return readHex32(text, { bare: 'note', list: 'nevent', what: 'an event id' })
}

interface Wanted {
  /** The prefix of the 32 bytes alone. */
  readonly bare: string
  /** The prefix of a list that holds them. */
  readonly list: string
  readonly what: string
}

function readHex32(typed: string, { bare, list, what }: Wanted): Outcome<string, string> {
  const text = typed.trim().replace(/^nostr:/i, '')
  if (isHex64(text.toLowerCase())) return accepted(text.toLowerCase())
  if (/^nsec1/i.test(text))
    return refused('this is a secret key: it is known now to whoever sees this, use it no longer')
  const decoded = decodeBech32(text)
  const bytes = decoded === undefined ? undefined : bytesOf(decoded, bare, list)
  return bytes?.length === 32
    ? accepted(bytes.toString('hex'))
    : refused(`${what} is 64 hex characters, ${bare}1… or ${list}1…`)
}

function bytesOf({ prefix, bytes }: Decoded, bare: string, list: string): Buffer | undefined {
  if (prefix === bare) return bytes
  return prefix === list ? specialOf(bytes) : undefined
}

function specialOf(list: Buffer): Buffer | undefined {
  for (let at = 0; at + 2 <= list.length; ) {
    const [type = -1, length = 0] = list.subarray(at, at + 2)
    const value = list.subarray(at + 2, at + 2 + length)
    if (type === SPECIAL && value.length === length) return value
    at += 2 + length
  }
  return undefined
}

interface Decoded {
  readonly prefix: string
  readonly bytes: Buffer
}

/** Bech32 (BIP-173) without its limit of 90 characters, as NIP-19 wants it; undefined when the checksum is wrong. */
function decodeBech32(typed: string): Decoded | undefined {
  const text = typed.toLowerCase()
  if (text.length > MAX_CHARACTERS || (typed !== text && typed !== typed.toUpperCase())) return undefined
  const at = text.lastIndexOf('1')
  const prefix = text.slice(0, Math.max(at, 0))
  const words = Array.from(text.slice(at + 1), (character) => ALPHABET.indexOf(character))
  if (!/^[a-z]+$/.test(prefix) || words.length < CHECKSUM_WORDS || words.includes(-1)) return undefined
  const expanded = Array.from(prefix, (character) => character.charCodeAt(0))
  const checked = [...expanded.map((code) => code >> 5), 0, ...expanded.map((code) => code & 31), ...words]
  if (checksum(checked) !== 1) return undefined
  const bytes = bytesOfWords(words.slice(0, -CHECKSUM_WORDS))
  return bytes === undefined ? undefined : { prefix, bytes }
}

function checksum(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  return values.reduce((sum, value) => {
    const shifted = ((sum & 0x1ffffff) << 5) ^ value
    return generator.reduce((left, term, bit) => ((sum >>> (25 + bit)) & 1 ? left ^ term : left), shifted)
  }, 1)
}

/** Five bits each to eight bits each; what is left over at the end must be less than five bits, all of them zero. */
function bytesOfWords(words: readonly number[]): Buffer | undefined {
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const word of words) {
    held = ((held << 5) | word) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  return bits < 5 && (held & ((1 << bits) - 1)) === 0 ? Buffer.from(bytes) : undefined
}
