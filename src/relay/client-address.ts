import { BlockList, isIP, isIPv6 } from 'node:net'

/** Proxies whose word about a client's address is taken. */
export class TrustedProxies {
  readonly #list = new BlockList()

  /** @param ranges addresses or CIDR ranges, IPv4 or IPv6. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/')
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (prefix === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(prefix), family)
    }
  }

  has(address: string): boolean {
    return this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

/**
 * The address that a client's limits are counted for. A header is believed only from a trusted proxy, and of
 * its list the right-most address that is not itself a trusted proxy counts: everything left of it is the
 * client's own claim.
 *
 * @param peer address of the other end of the socket; undefined for a Unix socket.
 * @param forwardedFor the `X-Forwarded-For` header, if any.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  proxies: TrustedProxies,
): string {
  const direct = plain(peer ?? '')
  // A peer without an address came by the Unix socket, which only a proxy of this machine's operator can open.
  const isTrusted = direct === '' || (isIP(direct) > 0 && proxies.has(direct))
  if (forwardedFor === undefined || !isTrusted) return group(direct)
  const claimed = forwardedFor.split(',').map((part) => plain(part.trim()))
  for (const address of claimed.toReversed()) {
    // A proxy that we trust wrote something that is no address: there is nothing better than the proxy's own.
    if (!isIP(address)) break
    if (!proxies.has(address)) return group(address)
  }
  return group(direct)
}

/** IPv4 written as IPv6 (`::ffff:1.2.3.4`) is IPv4. */
function plain(address: string): string {
  const mapped = address.toLowerCase().startsWith('::ffff:') ? address.slice(7) : address
  return isIP(mapped) === 4 ? mapped : address
}

/** One customer gets a whole IPv6 /64, so that is what counts as one client; loopback stays itself. */
function group(address: string): string {
  if (!isIPv6(address) || address === '::1') return address
  const [head = '', tail = ''] = address.split('::')
  const headGroups = head === '' ? [] : head.split(':')
  const tailGroups = tail === '' ? [] : tail.split(':')
  const missing = address.includes('::') ? 8 - headGroups.length - tailGroups.length : 0
  const groups = [...headGroups, ...Array<string>(Math.max(0, missing)).fill('0'), ...tailGroups]
  const network = groups.slice(0, 4).map((part) => Number.parseInt(part, 16).toString(16))
  return `${network.join(':')}::/64`
}
