/**
 * Authentication by the URL of the connection: `wss://relay/?authorization=<event as JSON, percent-encoded>`. It comes
 * from a draft that never became a NIP, and saves a client the round trip of a challenge. What takes the
 * challenge's place is that an event is good for a minute, and once.
 */
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { computeEventId } from './canonical.ts'
import type { NostrEvent } from './event.ts'
import type { UnsignedTemplate } from './finalize-event.ts'
import { KINDS } from './kinds.ts'
import { isRelayOf } from './nip42.ts'
import { parseEvent } from './parse-event.ts'

/** The longest value of the parameter that is read, in characters after decoding. */
export const MAX_CONNECT_AUTH_CHARACTERS = 8192

const PARAMETER = 'authorization'

export interface ConnectAuthExpectations {
  /** The addresses by which this relay is known, compared as `normalizeRelayUrl` does. */
  readonly relayUrls: readonly string[]
  readonly nowSeconds: number
  /** How far `created_at` may be from now, either way; 60 when absent. */
  readonly windowSeconds?: number
}

/**
 * An event that authenticates this connection, if its signature holds. **That is for the caller to check**, and that
 * the id was not used before. The event is a secret for as long as it is good: it must not be logged.
 */
export interface UnverifiedConnectAuth {
  /** Its id is the hash of its members; its `sig` is unchecked. */
  readonly event: NostrEvent
  /** From this second on the window refuses it, so that its id need not be remembered any longer. */
  readonly staleFromSeconds: number
}

/**
 * The authentication in the query of an upgrade request, or undefined when there is none. The refusal is a text
 * without a prefix, and repeats nothing of the event.
 *
 * @param query with or without the question mark.
 */
export function readConnectAuth(
  query: string,
  expectations: ConnectAuthExpectations,
): Outcome<UnverifiedConnectAuth | undefined, string> {
  const values = new URLSearchParams(query).getAll(PARAMETER)
  const [json] = values
  if (json === undefined) return accepted(undefined)
  if (values.length > 1) return refused('the authorization parameter may be given once')
  if (json.length > MAX_CONNECT_AUTH_CHARACTERS) {
    return refused(`the authorization parameter may have ${MAX_CONNECT_AUTH_CHARACTERS} characters`)
  }
  const event = parseEvent(parseJson(json))
  if (!event.ok) return event
  if (computeEventId(event.value) !== event.value.id) return refused('id is not the hash of the event')
  return checkConnectAuth(event.value, expectations)
}

/** What a client says to be let in: to be signed, written as JSON, percent-encoded, and sent within the minute. */
export function createConnectAuth(relayUrl: string, nowSeconds: number): UnsignedTemplate {
  return { kind: KINDS.AUTH, created_at: nowSeconds, tags: [['relay', relayUrl]], content: '' }
}

function checkConnectAuth(
  event: NostrEvent,
  { relayUrls, nowSeconds, windowSeconds = 60 }: ConnectAuthExpectations,
): Outcome<UnverifiedConnectAuth, string> {
  if (event.kind !== KINDS.AUTH) return refused(`kind must be ${KINDS.AUTH}, not ${event.kind}`)
  if (Math.abs(event.created_at - nowSeconds) > windowSeconds) {
    return refused(`created_at must be within ${windowSeconds} seconds of now`)
  }
  // It answers the challenge of one connection (NIP-42) and was not made to open another.
  if (event.tags.some(([name]) => name === 'challenge')) return refused('a challenge tag has no place here')
  if (!isRelayOf(event.tags.find(([name]) => name === 'relay')?.[1], relayUrls)) {
    return refused('the relay tag must hold the address of this relay')
  }
  return accepted({ event, staleFromSeconds: event.created_at + windowSeconds + 1 })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
