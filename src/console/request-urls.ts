import { isIP } from 'node:net'

export interface KnownAs {
  /** `wss://…` or `https://…`, with a path if there is one; empty when nobody said. */
  readonly publicUrl: string
  /** Further addresses, as `https://…`. */
  readonly otherUrls: readonly string[]
}

/**
 * The absolute URLs by which a client may have known the request that it signed (NIP-98).
 *
 * The `Host` header is the client's own word. Whoever got somebody to sign a request for another server could send it
 * here with that server's name in `Host`, so it is believed only where that leads nowhere: for names of this machine
 * and addresses of private networks. Every other name has to be in the configuration.
 *
 * @param path of the request with its query, as it arrived.
 */
export function requestUrls(
  { publicUrl, otherUrls }: KnownAs,
  host: string | undefined,
  path: string,
): readonly string[] {
  const bases = [publicUrl, ...otherUrls].filter((url) => url !== '').map((url) => url.replace(/\/+$/, ''))
  const local = host !== undefined && isLocalHost(host) ? [`http://${host}`, `https://${host}`] : []
  return [...bases, ...local].map((base) => base + path)
}

/** Is it `localhost`, or an address that means another machine everywhere else? */
export function isLocalHost(host: string): boolean {
  const parsed = URL.parse(`http://${host}`)
  if (parsed === null || parsed.host.toLowerCase() !== host.toLowerCase().replace(/:80$/, '')) return false
  const name = parsed.hostname.replace(/^\[|\]$/g, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  if (isIP(name) === 4) return /^(127|10)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\./.test(name)
  return isIP(name) === 6 && (name === '::1' || /^f[cd]|^fe[89ab]/.test(name))
}
