import { hash } from 'node:crypto'
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { computeEventId } from './canonical.ts'
import type { NostrEvent } from './event.ts'
import type { UnsignedTemplate } from './finalize-event.ts'
import { KINDS } from './kinds.ts'
import { withoutTrailingSlashes } from './nip42.ts'
import { parseEvent } from './parse-event.ts'

/** The longest `Authorization` value that is read, in characters; Node refuses longer headers by default anyway. */
export const MAX_HTTP_AUTH_CHARACTERS = 16_384

export interface HttpAuthExpectations {
  /** The method of the request. The tag may spell it in either case, as libraries do. */
  readonly method: string
  /**
   * The absolute URLs that this request may be known by, each with its query: what the client typed is not always
   * what arrives behind a proxy. Slashes at the end of the path make no difference, nor does a fragment.
   */
  readonly urls: readonly string[]
  /** Also take `wss://` for `https://` and `ws://` for `http://`, as tools for relay operators send it (NIP-86). */
  readonly allowsRelaySpelling?: boolean
  /** The bytes of the body; undefined or empty when there is none. When there are any, a `payload` tag is required. */
  readonly body?: Uint8Array | undefined
  readonly nowSeconds: number
  /** How far `created_at` may be from now, either way; 60 when absent. */
  readonly windowSeconds?: number
}

/**
 * An event that authorizes this very request, if its signature holds. **That is for the caller to check**, and that
 * the id was not used before.
 */
export interface UnverifiedHttpAuth {
  /** Its id is the hash of its members; its `sig` is unchecked. */
  readonly event: NostrEvent
  /** From this second on the window refuses it, so that its id need not be remembered any longer. */
  readonly staleFromSeconds: number
}

/**
 * Reads an `Authorization: Nostr <base64>` header and compares its event with the request (NIP-98). The refusal is a
 * text without a prefix for a 401 answer.
 */
export function readHttpAuth(
  header: string | undefined,
  expectations: HttpAuthExpectations,
): Outcome<UnverifiedHttpAuth, string> {
  const parsed = parseHttpAuth(header)
  return parsed.ok ? checkHttpAuth(parsed.value, expectations) : parsed
}

/** What a client says to be let in: to be signed, encoded by `encodeHttpAuth`, and sent within the minute. */
export function createHttpAuth(request: {
  readonly method: string
  /** Absolute, with its query. */
  readonly url: string
  readonly body?: Uint8Array | undefined
  readonly nowSeconds: number
}): UnsignedTemplate {
  const { method, url, body, nowSeconds } = request
  const tags = [
    ['u', url],
    ['method', method.toUpperCase()],
  ]
  if (hasBytes(body)) tags.push(['payload', hash('sha256', body)])
  return { kind: KINDS.HTTP_AUTH, created_at: nowSeconds, tags, content: '' }
}

/** The value of the `Authorization` header that carries this event. */
export function encodeHttpAuth(event: NostrEvent): string {
  return `Nostr ${Buffer.from(JSON.stringify(event)).toString('base64')}`
}

/** The event in the header, of the right shape and with the right id. Base64 in either alphabet, padded or not. */
function parseHttpAuth(header: string | undefined): Outcome<NostrEvent, string> {
  if (header === undefined || header === '') return refused('an Authorization header is needed (NIP-98)')
  if (header.length > MAX_HTTP_AUTH_CHARACTERS) {
    return refused(
      `an Authorization header may have ${MAX_HTTP_AUTH_CHARACTERS} characters, not ${header.length}`,
    )
  }
  const [, base64] = /^nostr +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header) ?? []
  if (base64 === undefined) return refused('the Authorization header must be `Nostr ` and an event in base64')
  const event = parseEvent(parseJson(base64))
  if (!event.ok) return event
  if (computeEventId(event.value) !== event.value.id) return refused('id is not the hash of the event')
  return event
}

function parseJson(base64: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64')))
  } catch {
    // Not JSON, or not even UTF-8: that is no event.
    return undefined
  }
}

function checkHttpAuth(
  event: NostrEvent,
  { method, urls, allowsRelaySpelling = false, body, nowSeconds, windowSeconds = 60 }: HttpAuthExpectations,
): Outcome<UnverifiedHttpAuth, string> {
  if (event.kind !== KINDS.HTTP_AUTH) return refused(`kind must be ${KINDS.HTTP_AUTH}, not ${event.kind}`)
  if (Math.abs(event.created_at - nowSeconds) > windowSeconds) {
    return refused(`created_at must be within ${windowSeconds} seconds of now`)
  }
  if (tagValue(event, 'method')?.toUpperCase() !== method.toUpperCase()) {
    return refused('the method tag must hold the method of the request')
  }
  if (!isUrlOf(tagValue(event, 'u'), urls, allowsRelaySpelling)) {
    return refused('the u tag must hold the URL of the request with its query')
  }
  const payloadRefusal = checkPayload(tagValue(event, 'payload'), body)
  if (payloadRefusal !== undefined) return refused(payloadRefusal)
  return accepted({ event, staleFromSeconds: event.created_at + windowSeconds + 1 })
}

function isUrlOf(
  claimedUrl: string | undefined,
  urls: readonly string[],
  allowsRelaySpelling: boolean,
): boolean {
  const claimed = claimedUrl === undefined ? undefined : normalizeRequestUrl(claimedUrl, allowsRelaySpelling)
  return claimed !== undefined && urls.some((url) => normalizeRequestUrl(url, true) === claimed)
}

const HTTP_SPELLING: Readonly<Record<string, string>> = { 'ws:': 'http:', 'wss:': 'https:' }

/** What is compared: scheme, host, port, path without slashes at its end, and query. */
function normalizeRequestUrl(url: string, allowsRelaySpelling: boolean): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null) return undefined
  const scheme = (allowsRelaySpelling ? HTTP_SPELLING[parsed.protocol] : undefined) ?? parsed.protocol
  if (scheme !== 'http:' && scheme !== 'https:') return undefined
  // Nobody puts a password into what a server will read; a URL that has one is not the URL of the request.
  if (parsed.username !== '' || parsed.password !== '') return undefined
  return `${scheme}//${parsed.host}${withoutTrailingSlashes(parsed.pathname)}${parsed.search}`
}

/** NIP-98 leaves it to the server whether the hash of a body must be there; NIP-86, and this server, want it. */
function checkPayload(claimedHash: string | undefined, body: Uint8Array | undefined): string | undefined {
  if (claimedHash === undefined) {
    return hasBytes(body) ? 'a request with a body needs its SHA-256 in a payload tag' : undefined
  }
  const isHashOfBody = claimedHash.toLowerCase() === hash('sha256', body ?? new Uint8Array(0))
  return isHashOfBody ? undefined : 'the payload tag must hold the SHA-256 of the body'
}

function hasBytes(body: Uint8Array | undefined): body is Uint8Array {
  return body !== undefined && body.length > 0
}

function tagValue(event: NostrEvent, name: string): string | undefined {
  return event.tags.find((tag) => tag[0] === name)?.[1]
}
