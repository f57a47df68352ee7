import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from './event.ts'
import type { Filter } from './filter.ts'
import { isJsonObject } from './json-object.ts'
import { parseEvent } from './parse-event.ts'
import { type FilterLimits, parseFilter } from './parse-filter.ts'
import { reason } from './reason.ts'

/** What a client may say (NIP-01, NIP-42, NIP-45, NIP-77). */
export type ClientMessage =
  /** The shape of the event was checked; its id and signature were not. */
  | { readonly verb: 'EVENT' | 'AUTH'; readonly event: NostrEvent }
  | { readonly verb: 'REQ' | 'COUNT'; readonly id: string; readonly filters: readonly Filter[] }
  | { readonly verb: 'CLOSE'; readonly id: string }
  /** Ids of NEG verbs are apart from those of REQ. */
  | {
      readonly verb: 'NEG-OPEN'
      readonly id: string
      readonly filter: Filter
      /** Bytes of the reconciliation; what they hold was not looked at. */
      readonly message: Uint8Array
    }
  | { readonly verb: 'NEG-MSG'; readonly id: string; readonly message: Uint8Array }
  | { readonly verb: 'NEG-CLOSE'; readonly id: string }

/** The answer to a message that cannot be served. Texts carry their prefix, but for `notice`. */
export type MessageRefusal =
  | { readonly reply: 'ok'; readonly eventId: string; readonly text: string }
  | { readonly reply: 'closed'; readonly subscriptionId: string; readonly text: string }
  /** A reconciliation that is open under this id ends with it (NIP-77). */
  | { readonly reply: 'neg-err'; readonly subscriptionId: string; readonly text: string }
  /** Only for what has no id to answer with. */
  | { readonly reply: 'notice'; readonly text: string }

export interface MessageLimits extends FilterLimits {
  /** How many filters one REQ or COUNT may hold; no bound when absent. */
  readonly maxFilters?: number
}

/** In Unicode characters (code points), so that 64 emoji are 64 (NIP-01: "max length 64 chars"). */
export const MAX_SUBSCRIPTION_ID_CHARACTERS = 64

const UNUSABLE_ID = reason(
  'invalid',
  `a subscription id has 1 to ${MAX_SUBSCRIPTION_ID_CHARACTERS} characters`,
)

type MessageOutcome = Outcome<ClientMessage, MessageRefusal>

/**
 * Reads one message of a client. Elements beyond those that a verb takes are passed over. How long the text
 * may be is the caller's bound; how deep it may nest needs none, since `JSON.parse` does not recurse.
 */
export function parseClientMessage(text: string, limits: MessageLimits = {}): MessageOutcome {
  const message = parseJsonArray(text)
  if (message === undefined) return notice('a message must be a JSON array')
  const verb: unknown = message[0]
  switch (verb) {
    case 'EVENT':
    case 'AUTH':
      return parseEventMessage(verb, message[1])
    case 'REQ':
    case 'COUNT':
      return parseQueryMessage(verb, message, limits)
    case 'CLOSE':
    case 'NEG-CLOSE':
      return parseCloseMessage(verb, message[1])
    case 'NEG-OPEN':
      return parseNegOpenMessage(message, limits)
    case 'NEG-MSG':
      return parseNegMessage(message)
    default:
      return notice(
        'a message must begin with EVENT, REQ, COUNT, CLOSE, AUTH, NEG-OPEN, NEG-MSG or NEG-CLOSE',
      )
  }
}

function parseJsonArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function parseEventMessage(verb: 'EVENT' | 'AUTH', payload: unknown): MessageOutcome {
  const event = parseEvent(payload)
  if (event.ok) return accepted({ verb, event: event.value })
  const eventId = isJsonObject(payload) ? payload.id : undefined
  if (typeof eventId !== 'string') return notice(reason('invalid', event.refusal))
  return refused({ reply: 'ok', eventId, text: reason('invalid', event.refusal) })
}

function parseQueryMessage(
  verb: 'REQ' | 'COUNT',
  message: readonly unknown[],
  { maxFilters = Infinity, ...filterLimits }: MessageLimits,
): MessageOutcome {
  const id = message[1]
  if (typeof id !== 'string') return notice(`${verb} needs a subscription id, which is a string`)
  if (!isSubscriptionId(id)) {
    return closed(id, UNUSABLE_ID)
  }
  const filterCount = message.length - 2
  if (filterCount < 1) return closed(id, reason('invalid', `${verb} needs at least one filter`))
  if (filterCount > maxFilters) {
    return closed(
      id,
      reason('invalid', `${verb} has ${filterCount} filters, at most ${maxFilters} are served`),
    )
  }
  const filters: Filter[] = []
  for (let index = 2; index < message.length; index += 1) {
    const filter = parseFilter(message[index], filterLimits)
    if (!filter.ok) return closed(id, reason(filter.refusal.prefix, filter.refusal.text))
    filters.push(filter.value)
  }
  return accepted({ verb, id, filters })
}

/** Any string will do: one that cannot have been opened closes nothing, like any unknown id. */
function parseCloseMessage(verb: 'CLOSE' | 'NEG-CLOSE', id: unknown): MessageOutcome {
  if (typeof id !== 'string') return notice(`${verb} needs a subscription id, which is a string`)
  return accepted({ verb, id })
}

function parseNegOpenMessage(
  [verb, id, filterValue, hex]: readonly unknown[],
  limits: MessageLimits,
): MessageOutcome {
  if (typeof id !== 'string') return notice(`${verb} needs a subscription id, which is a string`)
  if (!isSubscriptionId(id)) return negError(id, UNUSABLE_ID)
  const filter = parseFilter(filterValue, limits)
  if (!filter.ok) return negError(id, reason(filter.refusal.prefix, filter.refusal.text))
  const message = parseHexBytes(hex)
  if (message === undefined) return negError(id, NOT_HEX)
  return accepted({ verb: 'NEG-OPEN', id, filter: filter.value, message })
}

function parseNegMessage([verb, id, hex]: readonly unknown[]): MessageOutcome {
  if (typeof id !== 'string') return notice(`${verb} needs a subscription id, which is a string`)
  const message = parseHexBytes(hex)
  if (message === undefined) return negError(id, NOT_HEX)
  return accepted({ verb: 'NEG-MSG', id, message })
}

const NOT_HEX = reason('invalid', 'the message must be hex of at least one byte')

/** In either case: NIP-77 asks for hex, and does not say which. */
function parseHexBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || value.length === 0 || value.length % 2 !== 0) return undefined
  return /[^0-9a-fA-F]/.test(value) ? undefined : Buffer.from(value, 'hex')
}

function isSubscriptionId(id: string): boolean {
  // A character takes one or two code units, so the cheap test spares counting what is far too long.
  if (id.length === 0 || id.length > 2 * MAX_SUBSCRIPTION_ID_CHARACTERS || !id.isWellFormed()) return false
  return (
    id.length <= MAX_SUBSCRIPTION_ID_CHARACTERS || Array.from(id).length <= MAX_SUBSCRIPTION_ID_CHARACTERS
  )
}

function notice(text: string): { readonly ok: false; readonly refusal: MessageRefusal } {
  return refused({ reply: 'notice', text })
}

function closed(
  subscriptionId: string,
  text: string,
): { readonly ok: false; readonly refusal: MessageRefusal } {
  return refused({ reply: 'closed', subscriptionId, text })
}

function negError(
  subscriptionId: string,
  text: string,
): { readonly ok: false; readonly refusal: MessageRefusal } {
  return refused({ reply: 'neg-err', subscriptionId, text })
}
