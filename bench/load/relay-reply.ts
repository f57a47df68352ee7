/** Reads just as much of a relay's message as a measurement needs, from its bytes. */

export const REPLY = { event: 1, eose: 2, ok: 3, count: 4, closed: 5, notice: 6, other: 0 } as const
export type Reply = (typeof REPLY)[keyof typeof REPLY]

const QUOTE = 0x22
const BRACE = 0x7b
const ZERO = 0x30
const SMALL_A_MINUS_10 = 0x61 - 10
const [E, V, O, K, C, L, N] = Buffer.from('EVOKCLN')

/** Which message this is: `["EVENT"`, `["EOSE"`, …, told by its first letters. */
export function replyAt(buffer: Buffer, start: number): Reply {
  const second = buffer[start + 3]
  switch (buffer[start + 2]) {
    case E:
      return second === V ? REPLY.event : second === O ? REPLY.eose : REPLY.other
    case O:
      return second === K ? REPLY.ok : REPLY.other
    case C:
      return second === O ? REPLY.count : second === L ? REPLY.closed : REPLY.other
    case N:
      return REPLY.notice
    default:
      return REPLY.other
  }
}

/** Where the text of the second member begins (`["OK","` ← here), blanks allowed. */
export function secondMemberAt(buffer: Buffer, start: number): number {
  let quotes = 0
  for (let at = start; at < start + 32; at++) {
    if (buffer[at] === QUOTE && ++quotes === 3) return at + 1
  }
  return -1
}

/** The first 48 bits of the hex id at `at`: enough to tell apart the events of any bench, and a safe integer. */
export function idPrefixAt(buffer: Buffer, at: number): number {
  let prefix = 0
  for (let next = at; next < at + 12; next++) {
    const character = buffer[next]!
    prefix = prefix * 16 + (character < 0x61 ? character - ZERO : character - SMALL_A_MINUS_10)
  }
  return prefix
}

/** `idPrefixAt` of an id that is a string. */
export function idPrefix(id: string): number {
  return Number.parseInt(id.slice(0, 12), 16)
}

const ID_MEMBER = Buffer.from('"id":"')

/**
 * Where the `id` of the event in an EVENT message begins, or -1. Relays write the members in an order of their
 * own. Within tags or content a quote is escaped, so these bytes can only be the member itself.
 */
export function eventIdAt(buffer: Buffer, start: number, end: number): number {
  const event = buffer.indexOf(BRACE, secondMemberAt(buffer, start))
  if (matchesAt(buffer, event + 1, ID_MEMBER)) return event + 1 + ID_MEMBER.length
  const found = buffer.indexOf(ID_MEMBER, event)
  return found < 0 || found >= end ? -1 : found + ID_MEMBER.length
}

function matchesAt(buffer: Buffer, at: number, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) if (buffer[at + index] !== bytes[index]) return false
  return true
}
