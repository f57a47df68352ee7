import { BlockList, isIP, isIPv6 } from 'node:net'

/** Clients are told apart by `/64` in IPv6 (`clientAddress`), so nothing narrower than that can be meant. */
const NARROWEST_IPV6_PREFIX = 64

/** A set of addresses and CIDR ranges, asked with addresses as `clientAddress` writes them. */
export class IpRanges {
  readonly #addresses = new Set<string>()
  readonly #ranges = new BlockList()
  #rangeCount = 0

  /** @param ranges what is no address and no range is left out; `isIpRange` tells beforehand. */
  constructor(ranges: Iterable<string>) {
    for (const range of ranges) {
      if (isIpRange(range)) this.#add(range)
    }
  }

  has(address: string): boolean {
    if (this.#addresses.has(address)) return true
    if (this.#rangeCount === 0) return false
    const [network = ''] = address.split('/')
    return isIP(network) !== 0 && this.#ranges.check(network, isIPv6(network) ? 'ipv6' : 'ipv4')
  }

  #add(range: string): void {
    const [network = '', prefix] = range.split('/')
    if (!isIPv6(network) || network === '::1') {
      if (prefix === undefined) this.#addresses.add(network)
      else this.#addRange(network, Number(prefix), 'ipv4')
      return
    }
    this.#addRange(network, Math.min(Number(prefix ?? NARROWEST_IPV6_PREFIX), NARROWEST_IPV6_PREFIX), 'ipv6')
  }

  #addRange(network: string, prefix: number, family: 'ipv4' | 'ipv6'): void {
    this.#ranges.addSubnet(network, prefix, family)
    this.#rangeCount++
  }
}

/** Is this an address, or a range like `10.0.0.0/8`? */
export function isIpRange(text: string): boolean {
  const [network = '', prefix, ...more] = text.split('/')
  const family = isIP(network)
  if (family === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
