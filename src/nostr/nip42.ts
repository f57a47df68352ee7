import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from './event.ts'
import { KINDS } from './kinds.ts'

export interface AuthExpectations {
  /** The challenge last sent on this connection. */
  readonly challenge: string
  /** The addresses by which this relay is known. */
  readonly relayUrls: readonly string[]
  readonly nowSeconds: number
  /** How far `created_at` may be from now, either way; 600 when absent ("~10 minutes" in NIP-42). */
  readonly windowSeconds?: number
}

/**
 * Does this AUTH event prove its author to this relay on this connection (NIP-42)? The value is the
 * author's public key, the refusal a text without a prefix. The id and the signature are checked elsewhere.
 */
export function checkAuthEvent(
  event: NostrEvent,
  { challenge, relayUrls, nowSeconds, windowSeconds = 600 }: AuthExpectations,
): Outcome<string, string> {
  if (event.kind !== KINDS.AUTH) return refused(`an AUTH event has kind ${KINDS.AUTH}, not ${event.kind}`)
  if (Math.abs(event.created_at - nowSeconds) > windowSeconds) {
    return refused(`created_at of an AUTH event must be within ${windowSeconds} seconds of now`)
  }
  if (tagValue(event, 'challenge') !== challenge) {
    return refused('the challenge tag must hold the challenge last sent on this connection')
  }
  if (!isRelayOf(tagValue(event, 'relay'), relayUrls)) {
    return refused('the relay tag must hold the address of this relay')
  }
  return accepted(event.pubkey)
}

/**
 * What is compared of two relay URLs: host, port and path, as `host[:port]/path`; undefined for anything but
 * a `ws` or `wss` URL. The case of the host, the scheme's default port, slashes at the end of the path,
 * credentials, query and fragment make no difference; nor does `ws` against `wss`, since a proxy in front
 * of the relay often ends TLS and either spelling names the same relay.
 */
export function normalizeRelayUrl(url: string): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:')) return undefined
  // URL has put the host into lower case (IDNA) and dropped the port if it is the scheme's default.
  return parsed.host + withoutTrailingSlashes(parsed.pathname)
}

/** Of a path. A loop, because `/\/+$/` takes quadratic time on a megabyte of slashes that ends otherwise. */
export function withoutTrailingSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end -= 1
  return path.slice(0, end)
}

/** Is this URL one of the addresses by which this relay is known, compared as `normalizeRelayUrl` does? */
export function isRelayOf(claimedUrl: string | undefined, relayUrls: readonly string[]): boolean {
  const claimed = claimedUrl === undefined ? undefined : normalizeRelayUrl(claimedUrl)
  return claimed !== undefined && relayUrls.some((url) => normalizeRelayUrl(url) === claimed)
}

function tagValue(event: NostrEvent, name: string): string | undefined {
  return event.tags.find((tag) => tag[0] === name)?.[1]
}
