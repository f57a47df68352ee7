import type { LookupAddress } from 'node:dns'
import { lookup, Resolver } from 'node:dns/promises'
import { isIPv6, type LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** Finds the addresses of a name. Rejects when there are none. */
export type ResolveName = (host: string) => Promise<readonly string[]>

/** The name leads where we do not go. */
export const REFUSED_ADDRESS_CODE = 'REFUSED_ADDRESS'

const DNS_TIMEOUT_MS = 5_000
const DNS_TRIES = 2
/** A name with more addresses than that is tried at the first ones. */
const MAX_ADDRESSES = 8

/**
 * Asks the name servers, not the operating system: its look-up takes one of four threads that the whole program shares,
 * for seconds when a name does not answer, and most names of relays are dead.
 */
export function createNameResolver(): ResolveName {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES })
  return async (host) => {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length === 0) throw dnsError('ENOTFOUND', `${host} has no address`)
    return found
  }
}

/** As the operating system finds them, with its hosts file. */
export const systemNames: ResolveName = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * A `lookup` for sockets that answers with public addresses only. The socket connects to what it answers, so nothing
 * can change between the check and the connection.
 *
 * @param isAllowed another rule than that, for tests on one machine.
 */
export function guardedLookup(
  resolve: ResolveName,
  isAllowed: (address: string) => boolean = isPublicAddress,
): LookupFunction {
  return (host, options, callback) => {
    void usableAddresses(host, resolve, isAllowed).then((usable) =>
      tell(usable, options.all === true, callback),
    )
  }
}

type Usable = readonly LookupAddress[] | NodeJS.ErrnoException

async function usableAddresses(
  host: string,
  resolve: ResolveName,
  isAllowed: (address: string) => boolean,
): Promise<Usable> {
  try {
    const usable = (await resolve(host)).filter(isAllowed).slice(0, MAX_ADDRESSES)
    if (usable.length > 0) return usable.map(withFamily)
    return dnsError(REFUSED_ADDRESS_CODE, `${host} is no public address`)
  } catch (error) {
    return error instanceof Error ? error : dnsError('ENOTFOUND', host)
  }
}

/** Outside of the promise, so that what the socket throws is its own. */
function tell(usable: Usable, isAll: boolean, callback: Parameters<LookupFunction>[2]): void {
  setImmediate(() => {
    if (usable instanceof Error) callback(usable, '')
    else if (isAll) callback(null, [...usable])
    else callback(null, usable[0]!.address, usable[0]!.family)
  })
}

function withFamily(address: string): LookupAddress {
  return { address, family: isIPv6(address) ? 6 : 4 }
}

function dnsError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}
