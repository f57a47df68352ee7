/** One spelling for each relay, and refusals for what is not to be connected to. */
import { isIP } from 'node:net'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { isPublicAddress } from '../../platform/internet/index.ts'

/** Longer ones name no relay that anybody uses. */
export const MAX_RELAY_URL_CHARACTERS = 255

/** Why an address is not connected to, for people. */
export type AddressRefusal =
  | 'too-long'
  | 'not-a-relay-url'
  | 'with-credentials'
  | 'with-query'
  | 'no-public-name'
  | 'private-address'
  | 'onion-without-proxy'
  | 'port-of-another-service'

export interface AddressRules {
  /** Loopback, private networks and names without a dot too: for tests and demonstrations. */
  readonly allowPrivate: boolean
  /** Whether there is a proxy for `.onion`. */
  readonly allowOnion: boolean
}

/** Names that mean something only within one network (RFC 6761, RFC 6762, RFC 8375, ICANN's "name collisions"). */
const PRIVATE_SUFFIXES = [
  'local',
  'localhost',
  'localdomain',
  'internal',
  'intranet',
  'private',
  'lan',
  'home',
  'corp',
  'arpa',
  'test',
  'example',
  'invalid',
  'alt',
  'ts.net',
  'i2p',
] as const

/** Ports at which a handshake of ours would trouble something else (the Fetch standard's "bad ports", the common ones). */
const FIRST_WEB_PORT = 80
const FOREIGN_PORTS: ReadonlySet<number> = new Set([
  87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389,
  427, 445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
  993, 995, 1719, 1720, 1723, 2049, 3306, 3389, 3659, 4045, 5060, 5061, 5432, 5900, 6000, 6379, 6566, 6665,
  6666, 6667, 6668, 6669, 6697, 9200, 11211, 27017,
])

const HOST_CHARACTERS = /^[a-z0-9._-]+$/
/** A path that holds another URL, white space or what no path of a relay holds came of a broken list. */
const BROKEN_PATH = /:\/\/|wss?:|%20|%00|%0a|%0d|[,;|"'<>\\]/i

/**
 * The one spelling of a relay's address: `wss://host[:port][/path]`, host in lower case and ASCII (IDNA), without the
 * default port or slashes at the end. `ws:` becomes `wss:`, unless it names a port of its own, an onion service or
 * (where that is allowed) a private address: there it is another relay, or the only way.
 */
export function normalizeRelayAddress(
  url: string,
  rules: AddressRules = { allowPrivate: false, allowOnion: false },
): Outcome<string, AddressRefusal> {
  if (url.length > MAX_RELAY_URL_CHARACTERS) return refused('too-long')
  const parsed = URL.parse(url.trim())
  if (parsed === null || (parsed.protocol !== 'wss:' && parsed.protocol !== 'ws:')) {
    return refused('not-a-relay-url')
  }
  if (parsed.username !== '' || parsed.password !== '') return refused('with-credentials')
  // A query may hold a secret, and with it cut off it is another address.
  if (parsed.search !== '' || parsed.hash !== '') return refused('with-query')
  if (BROKEN_PATH.test(parsed.pathname)) return refused('not-a-relay-url')
  const host = parsed.hostname.endsWith('.') ? parsed.hostname.slice(0, -1) : parsed.hostname
  const refusal = refuseHost(host, rules)
  if (refusal !== undefined) return refused(refusal)
  const portNumber = Number(parsed.port || 443)
  if (portNumber < FIRST_WEB_PORT || FOREIGN_PORTS.has(portNumber)) return refused('port-of-another-service')
  const keepsPlain = parsed.port !== '' || isOnion(host) || !isPublicHost(host)
  const scheme = parsed.protocol === 'ws:' && keepsPlain ? 'ws' : 'wss'
  const port = parsed.port === '' ? '' : `:${parsed.port}`
  const canonical = `${scheme}://${host}${port}${withoutTrailingSlashes(parsed.pathname)}`
  return canonical.length > MAX_RELAY_URL_CHARACTERS ? refused('too-long') : accepted(canonical)
}

/** Does the name end as that of an onion service? */
export function isOnion(host: string): boolean {
  return host.endsWith('.onion')
}

function refuseHost(host: string, { allowPrivate, allowOnion }: AddressRules): AddressRefusal | undefined {
  if (isOnion(host)) return allowOnion ? undefined : 'onion-without-proxy'
  // `URL` has read decimal, octal and hexadecimal spellings of IPv4, so what is an address looks like one.
  const literal = literalAddress(host)
  if (literal !== undefined) return allowPrivate || isPublicAddress(literal) ? undefined : 'private-address'
  if (!HOST_CHARACTERS.test(host) || host.includes('..') || host.startsWith('.')) return 'not-a-relay-url'
  return allowPrivate || isPublicHost(host) ? undefined : 'no-public-name'
}

function isPublicHost(host: string): boolean {
  const literal = literalAddress(host)
  if (literal !== undefined) return isPublicAddress(literal)
  return host.includes('.') && !PRIVATE_SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`))
}

/** Without the brackets of IPv6; undefined for a name. */
function literalAddress(host: string): string | undefined {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host
  return isIP(bare) === 0 ? undefined : bare
}

/** A loop, because `/\/+$/` takes quadratic time on many slashes that end otherwise. */
function withoutTrailingSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end -= 1
  return path.slice(0, end)
}
