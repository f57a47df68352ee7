/**
 * Reads the spelling of one event in bytes, without making anything of it. For `canonical-event.ts`, which says what
 * it is good for.
 */

/** Where the members of an event stand in the bytes; written anew by each `scanEvent`. Ends are exclusive. */
export interface EventSpans {
  /** With its quotes, 66 bytes. */
  pubkeyAt: number
  createdAtAt: number
  createdAtEnd: number
  kindAt: number
  kindEnd: number
  tagsAt: number
  tagsEnd: number
  /** With its quotes. */
  contentAt: number
  contentEnd: number
}

export function newEventSpans(): EventSpans {
  return {
    pubkeyAt: 0,
    createdAtAt: 0,
    createdAtEnd: 0,
    kindAt: 0,
    kindEnd: 0,
    tagsAt: 0,
    tagsEnd: 0,
    contentAt: 0,
    contentEnd: 0,
  }
}

const NOT_CANONICAL = -1

const QUOTE = 0x22
const COMMA = 0x2c
const DIGIT_0 = 0x30
const DIGIT_1 = 0x31
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const LETTER_U = 0x75
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

const ID = Buffer.from('"id":')
const PUBKEY = Buffer.from('"pubkey":')
const CREATED_AT = Buffer.from('"created_at":')
const KIND = Buffer.from('"kind":')
const TAGS = Buffer.from('"tags":')
const CONTENT = Buffer.from('"content":')
const SIG = Buffer.from('"sig":')

/** A bit for each member that was met. */
const HAS_ID = 1
const HAS_PUBKEY = 2
const HAS_CREATED_AT = 4
const HAS_KIND = 8
const HAS_TAGS = 16
const HAS_CONTENT = 32
const HAS_SIG = 64
const HAS_ALL = 127

/** More would not be a safe integer for certain. */
const MAX_DATE_DIGITS = 15
const MAX_KIND_DIGITS = 5

/** 1 at what ends a run of bytes that stand for themselves in a JSON string: quote, backslash, control characters. */
const IS_SPECIAL = new Uint8Array(256).fill(1, 0, 0x20)
IS_SPECIAL[QUOTE] = 1
IS_SPECIAL[BACKSLASH] = 1
/** 1 at what `JSON.stringify` writes after a backslash, but for `u`. */
const IS_SHORT_ESCAPE = new Uint8Array(256)
for (const letter of '"\\bfnrt') IS_SHORT_ESCAPE[letter.charCodeAt(0)] = 1
/** The value of a lowercase hexadecimal digit; 16: it is none. */
const HEX_DIGITS = new Uint8Array(256).fill(16)
for (let value = 0; value < 16; value++) HEX_DIGITS['0123456789abcdef'.charCodeAt(value)] = value
/** Control characters that have a short escape, by bit: they are never written as `\u00xx`. */
const WITH_SHORT_ESCAPE = (1 << 0x08) | (1 << 0x09) | (1 << 0x0a) | (1 << 0x0c) | (1 << 0x0d)

/**
 * Scans the object that begins at `at`. It is an event when it has each of the seven members once and nothing else, in
 * any order, every value being what NIP-01 demands and spelled as `JSON.stringify` would: no white space, shortest
 * numbers, no escape that is not needed. Only two things are left open: whether the bytes are UTF-8, and whether
 * a kind of five digits is beyond the largest.
 *
 * @returns where the object ends; −1 when it is no such event.
 */
export function scanEvent(data: Buffer, at: number, into: EventSpans): number {
  if (data[at] !== OPENING_BRACE) return NOT_CANONICAL
  let met = 0
  let end = at
  do {
    const member = memberAt(data, end + 1)
    if (member === 0 || (met & member) !== 0) return NOT_CANONICAL
    met |= member
    end = scanMember(data, end + 1, member, into)
    if (end === NOT_CANONICAL) return NOT_CANONICAL
  } while (data[end] === COMMA)
  return data[end] === CLOSING_BRACE && met === HAS_ALL ? end + 1 : NOT_CANONICAL
}

/** The bit of the member whose name stands there; 0 when it is none of them. */
function memberAt(data: Buffer, at: number): number {
  switch (data[at + 1]) {
    case 0x69: // i
      return startsWith(data, at, ID) ? HAS_ID : 0
    case 0x70: // p
      return startsWith(data, at, PUBKEY) ? HAS_PUBKEY : 0
    case 0x6b: // k
      return startsWith(data, at, KIND) ? HAS_KIND : 0
    case 0x74: // t
      return startsWith(data, at, TAGS) ? HAS_TAGS : 0
    case 0x73: // s
      return startsWith(data, at, SIG) ? HAS_SIG : 0
    case 0x63: // c
      if (startsWith(data, at, CONTENT)) return HAS_CONTENT
      return startsWith(data, at, CREATED_AT) ? HAS_CREATED_AT : 0
    default:
      return 0
  }
}

function startsWith(data: Buffer, at: number, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) if (data[at + index] !== bytes[index]) return false
  return true
}

/** Where the member's value ends. */
function scanMember(data: Buffer, at: number, member: number, into: EventSpans): number {
  switch (member) {
    case HAS_ID:
      return scanHex(data, at + ID.length, 64)
    case HAS_PUBKEY:
      into.pubkeyAt = at + PUBKEY.length
      return scanHex(data, into.pubkeyAt, 64)
    case HAS_SIG:
      return scanHex(data, at + SIG.length, 128)
    case HAS_CREATED_AT:
      into.createdAtAt = at + CREATED_AT.length
      into.createdAtEnd = scanInteger(data, into.createdAtAt, MAX_DATE_DIGITS)
      return into.createdAtEnd
    case HAS_KIND:
      into.kindAt = at + KIND.length
      into.kindEnd = scanInteger(data, into.kindAt, MAX_KIND_DIGITS)
      return into.kindEnd
    case HAS_TAGS:
      into.tagsAt = at + TAGS.length
      into.tagsEnd = scanTags(data, into.tagsAt)
      return into.tagsEnd
    default:
      into.contentAt = at + CONTENT.length
      into.contentEnd = scanString(data, into.contentAt)
      return into.contentEnd
  }
}

function scanHex(data: Buffer, at: number, digits: number): number {
  const end = at + 1 + digits
  if (data[at] !== QUOTE || data[end] !== QUOTE) return NOT_CANONICAL
  let all = 0
  for (let index = at + 1; index < end; index++) all |= HEX_DIGITS[data[index]!]!
  return all < 16 ? end + 1 : NOT_CANONICAL
}

function scanInteger(data: Buffer, at: number, maxDigits: number): number {
  let end = at
  while (end - at <= maxDigits && isDigit(data[end])) end++
  const digits = end - at
  if (digits === 0 || digits > maxDigits) return NOT_CANONICAL
  return digits > 1 && data[at] === DIGIT_0 ? NOT_CANONICAL : end
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= 0x39
}

function scanTags(data: Buffer, at: number): number {
  if (data[at] !== OPENING_BRACKET) return NOT_CANONICAL
  if (data[at + 1] === CLOSING_BRACKET) return at + 2
  let end = at
  do {
    end = scanTag(data, end + 1)
    if (end === NOT_CANONICAL) return NOT_CANONICAL
  } while (data[end] === COMMA)
  return data[end] === CLOSING_BRACKET ? end + 1 : NOT_CANONICAL
}

/** A tag has at least its name (NIP-01). */
function scanTag(data: Buffer, at: number): number {
  if (data[at] !== OPENING_BRACKET) return NOT_CANONICAL
  let end = at
  do {
    end = scanString(data, end + 1)
    if (end === NOT_CANONICAL) return NOT_CANONICAL
  } while (data[end] === COMMA)
  return data[end] === CLOSING_BRACKET ? end + 1 : NOT_CANONICAL
}

function scanString(data: Buffer, at: number): number {
  if (data[at] !== QUOTE) return NOT_CANONICAL
  const { length } = data
  let end = at + 1
  while (end < length) {
    const byte = data[end]!
    if (IS_SPECIAL[byte] === 0) end++
    else if (byte === BACKSLASH) {
      end = escapeEnd(data, end)
      if (end === NOT_CANONICAL) return NOT_CANONICAL
    } else return byte === QUOTE ? end + 1 : NOT_CANONICAL
  }
  return NOT_CANONICAL
}

/** Where the escape ends that begins with the backslash at `at`; −1 when `JSON.stringify` never writes it. */
function escapeEnd(data: Buffer, at: number): number {
  const letter = data[at + 1] ?? 0
  if (IS_SHORT_ESCAPE[letter] === 1) return at + 2
  if (letter !== LETTER_U || at + 6 > data.length) return NOT_CANONICAL
  const tens = data[at + 4]
  const ones = HEX_DIGITS[data[at + 5]!]!
  if (data[at + 2] !== DIGIT_0 || data[at + 3] !== DIGIT_0 || ones > 15) return NOT_CANONICAL
  if (tens === DIGIT_1) return at + 6
  return tens === DIGIT_0 && ((WITH_SHORT_ESCAPE >>> ones) & 1) === 0 ? at + 6 : NOT_CANONICAL
}
