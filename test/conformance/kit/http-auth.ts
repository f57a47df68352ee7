/** NIP-98 from the client's side: an event that authorizes one HTTP request. */
import type { Draft, WireEvent } from './event.ts'
import type { Key } from './keys.ts'
import { randomHex, sha256Hex, signEvent } from './sign.ts'

export interface AuthorizedRequest {
  readonly method: string
  /** Absolute, with its query. */
  readonly url: string
  readonly body?: string
}

/** The event for a request, with what `draft` replaces. */
export function httpAuthEvent(
  key: Key,
  { method, url, body }: AuthorizedRequest,
  draft: Partial<Draft> = {},
): WireEvent {
  // The nonce makes two requests of one second two events: each may be used once.
  const tags = [
    ['u', url],
    ['method', method],
    ['nonce', randomHex(8)],
  ]
  if (body !== undefined) tags.push(['payload', sha256Hex(body)])
  const created_at = Math.floor(Date.now() / 1000)
  // Random content, so that two requests of one second have different ids.
  return signEvent(key, { kind: 27235, created_at, tags, content: '', ...draft })
}

/** The value of the `Authorization` header. */
export function authorizationOf(event: WireEvent): string {
  return `Nostr ${Buffer.from(JSON.stringify(event)).toString('base64')}`
}
