/** What a relay says besides EVENT (NIP-01, NIP-42), read from bytes that nobody has looked at. */

export type RelayMessage =
  | { readonly verb: 'EOSE'; readonly id: string }
  | { readonly verb: 'CLOSED'; readonly id: string; readonly text: string }
  | { readonly verb: 'NOTICE'; readonly text: string }
  /** An EVENT that is spelled with white space before it; `json` begins as it should. */
  | { readonly verb: 'EVENT'; readonly json: Buffer }
  /** AUTH, OK and verbs that are no business of ours. */
  | { readonly verb: 'other' }

/** Nothing but events is longer. */
export const MAX_PLAIN_MESSAGE_BYTES = 65_536
/** Texts of relays end up on consoles and in the database, so they get an end. */
const MAX_TEXT_CHARACTERS = 160

const EVENT_START = Buffer.from('["EVENT"')
const QUOTE = 0x22
const COMMA = 0x2c
const SPACE = 0x20
/** Ids of subscriptions are ours, and short. */
const MAX_ID_BYTES = 16

/** Is this a message for the intake? */
export function isEventMessage(data: Buffer): boolean {
  return data.length > EVENT_START.length && data.compare(EVENT_START, 0, 8, 0, 8) === 0
}

/** The subscription that an EVENT names, without parsing it; empty when it is none of ours. */
export function subscriptionOf(data: Buffer): string {
  let at = EVENT_START.length
  while (data[at] === COMMA || data[at] === SPACE) at += 1
  if (data[at] !== QUOTE) return ''
  const end = data.indexOf(QUOTE, at + 1)
  return end < 0 || end - at > MAX_ID_BYTES ? '' : data.toString('latin1', at + 1, end)
}

/** Undefined when it is not what a relay says. */
export function parseRelayMessage(data: Buffer): RelayMessage | undefined {
  const message = parseArray(data)
  if (message === undefined) return undefined
  const [verb, first, second] = message
  if (typeof verb !== 'string') return undefined
  switch (verb) {
    case 'EVENT':
      return { verb, json: Buffer.from(JSON.stringify(message)) }
    case 'EOSE':
      return typeof first === 'string' ? { verb, id: first } : undefined
    case 'CLOSED':
      return typeof first === 'string' ? { verb, id: first, text: shownText(second) } : undefined
    case 'NOTICE':
      return { verb, text: shownText(first) }
    default:
      return { verb: 'other' }
  }
}

/** A text of somebody else, cut and without characters that do something on a terminal. */
export function shownText(value: unknown): string {
  if (typeof value !== 'string') return ''
  return value
    .slice(0, MAX_TEXT_CHARACTERS)
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
    .toWellFormed()
    .trim()
}

function parseArray(data: Buffer): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'))
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
