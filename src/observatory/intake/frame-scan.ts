import { hex32InBytes } from './hex-fingerprint.ts'

/** Where things stand in the bytes of one message; written anew by each `scanFrame`. */
export interface FrameScan {
  /** The end of the subscription's name, which begins at `SUBSCRIPTION_AT`. */
  subscriptionEnd: number
  /** The first 64 bits of the event's id. */
  high: number
  low: number
}

const HEAD = Buffer.from('["EVENT","')
export const SUBSCRIPTION_AT = HEAD.length
/** The event begins so many bytes after the end of the subscription's name: after a quote and a comma. */
export const AFTER_SUBSCRIPTION = 2
const ID_KEY = Buffer.from('"id":"')
const ID_CHARACTERS = 64
/** Longer names of subscriptions are nobody's (NIP-01). */
const MAX_SUBSCRIPTION_BYTES = 256

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const LETTER_I = 0x69
const LETTER_D = 0x64

/**
 * Finds the subscription and the id in `["EVENT","<subscription>",{…"id":"<64 hex>"…}]` without parsing it. False for
 * anything spelled otherwise (spaces, escapes in the name), which is then to be parsed, and for what is no such message.
 *
 * The bytes `"id":"` cannot stand inside a JSON string, since its quotes would be escaped. They could be a member of an
 * object inside the event, which no event has: who sends that gets the observation of the event it names, or, when that
 * one is not known, a parser that looks at the right member.
 */
export function scanFrame(data: Buffer, into: FrameScan): boolean {
  const { length } = data
  if (length < HEAD.length + ID_CHARACTERS + 16) return false
  if (data[length - 1] !== CLOSING_BRACKET || data[length - 2] !== CLOSING_BRACE) return false
  for (let at = 0; at < HEAD.length; at++) if (data[at] !== HEAD[at]) return false
  const nameLimit = Math.min(length, SUBSCRIPTION_AT + MAX_SUBSCRIPTION_BYTES)
  let at = SUBSCRIPTION_AT
  for (; at < nameLimit && data[at] !== QUOTE; at++) if (!isPlain(data[at]!)) return false
  if (data[at] !== QUOTE || data[at + 1] !== COMMA || data[at + AFTER_SUBSCRIPTION] !== OPENING_BRACE)
    return false
  into.subscriptionEnd = at
  const idAt = findId(data, at + 3)
  if (idAt === -1 || data[idAt + ID_CHARACTERS] !== QUOTE) return false
  into.high = hex32InBytes(data, idAt)
  into.low = hex32InBytes(data, idAt + 8)
  return into.high !== -1 && into.low !== -1
}

/** A character of a JSON string that is one byte and stands for itself. */
function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f && byte !== BACKSLASH
}

/** Where the hexadecimal characters begin; −1 when there are none. Most relays write the id first. */
function findId(data: Buffer, at: number): number {
  if (
    data[at] === QUOTE &&
    data[at + 1] === LETTER_I &&
    data[at + 2] === LETTER_D &&
    data[at + 3] === QUOTE &&
    data[at + 4] === COLON &&
    data[at + 5] === QUOTE
  )
    return at + ID_KEY.length
  const found = data.indexOf(ID_KEY, at)
  return found === -1 || found + ID_KEY.length + ID_CHARACTERS >= data.length ? -1 : found + ID_KEY.length
}
