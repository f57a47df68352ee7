/** Payment pointers (RFC-0026): `$example.com/alice` for `https://example.com/alice`. */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'

/** Host names and paths of a URL have no more that makes sense. */
const MAX_LENGTH = 2000
/** Host without user and port, then a path; ASCII alone, since look-alikes of it would be paid. */
const POINTER = /^\$([a-z0-9-]+(?:\.[a-z0-9-]+)*)((?:\/[\w.~!$&'()*+,;=:@%-]*)*)$/i
const WELL_KNOWN = '/.well-known/pay'

/**
 * The address that a payment pointer, or an address that is given in its place, is asked at. Only https; without TLS only
 * this machine, for tests and demonstrations. The refusal is a text.
 */
export function resolvePaymentPointer(text: string): Outcome<URL, string> {
  if (text.length > MAX_LENGTH) return refused(`a payment pointer has at most ${MAX_LENGTH} characters`)
  return text.startsWith('$') ? resolvePointer(text) : checkEndpoint(text)
}

/** Writes an endpoint as a payment pointer; undefined for one that has none (a port, a query, no TLS). */
export function formatPaymentPointer(endpoint: URL): string | undefined {
  const { protocol, host, port, hostname, pathname, search, hash, username, password } = endpoint
  if (protocol !== 'https:' || port !== '' || search + hash + username + password !== '') return undefined
  const pointer = `$${host}${pathname === WELL_KNOWN || pathname === '/' ? '' : pathname}`
  return hostname !== '' && POINTER.test(pointer) ? pointer : undefined
}

function resolvePointer(text: string): Outcome<URL, string> {
  const parts = POINTER.exec(text)
  if (parts === null) return refused('a payment pointer is written like $example.com/alice')
  const [, host = '', path = ''] = parts
  return checkEndpoint(`https://${host}${path === '' || path === '/' ? WELL_KNOWN : path}`)
}

/** May this address be asked for payment details? The refusal is a text. */
export function checkEndpoint(text: string): Outcome<URL, string> {
  const url = URL.parse(text)
  if (url === null) return refused('this is no payment pointer and no URL')
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname))
  if (!isSafe) return refused('payment details are asked by https alone')
  const hasExtra = url.search + url.hash + url.username + url.password !== ''
  return hasExtra ? refused('the URL of a receiver has no user, query or fragment') : accepted(url)
}

function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}
