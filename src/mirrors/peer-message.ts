import { accepted, type Outcome, refused } from '../kernel/index.ts'

/** What a relay says to a client (NIP-01, NIP-42, NIP-67, NIP-77). Events are as they came; nothing in them was looked at. */
export type PeerMessage =
  | { readonly verb: 'EVENT'; readonly id: string; readonly event: unknown }
  /** `isAll`: the relay says that it has no more than it has sent (NIP-67). */
  | { readonly verb: 'EOSE'; readonly id: string; readonly isAll: boolean }
  | { readonly verb: 'CLOSED' | 'NEG-ERR'; readonly id: string; readonly text: string }
  | { readonly verb: 'OK'; readonly id: string; readonly isAccepted: boolean; readonly text: string }
  | { readonly verb: 'NEG-MSG'; readonly id: string; readonly message: Uint8Array }
  | { readonly verb: 'AUTH'; readonly challenge: string }
  | { readonly verb: 'NOTICE'; readonly text: string }

/** Texts of relays end up in logs and on consoles, so they get an end. */
const MAX_TEXT_CHARACTERS = 500

/** Reads one message of a relay. The refusal says what is wrong with it. */
export function parsePeerMessage(text: string): Outcome<PeerMessage, string> {
  const message = parseArray(text)
  if (message === undefined) return refused('it is no JSON array')
  const [verb, first, second, third] = message
  if (typeof first !== 'string') return refused('it names no id')
  switch (verb) {
    case 'EVENT':
      return accepted({ verb, id: first, event: second })
    case 'EOSE':
      return accepted({ verb, id: first, isAll: Array.isArray(second) && second.includes('finish') })
    case 'CLOSED':
    case 'NEG-ERR':
      return accepted({ verb, id: first, text: asText(second) })
    case 'OK':
      if (typeof second !== 'boolean') return refused('an OK is true or false')
      return accepted({ verb, id: first, isAccepted: second, text: asText(third) })
    case 'NEG-MSG': {
      const bytes = bytesOfHex(second)
      return bytes === undefined
        ? refused('a NEG-MSG holds hex')
        : accepted({ verb, id: first, message: bytes })
    }
    case 'AUTH':
      return accepted({ verb, challenge: first })
    case 'NOTICE':
      return accepted({ verb, text: asText(first) })
    default:
      return refused('its verb is not known')
  }
}

function parseArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT_CHARACTERS) : ''
}

function bytesOfHex(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || value.length % 2 !== 0) return undefined
  const bytes = Buffer.from(value, 'hex')
  // `Buffer.from` stops at the first character that is not hex.
  return bytes.length === value.length / 2 ? bytes : undefined
}
