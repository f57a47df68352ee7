/** Where a webhook is, as addresses. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Finds the addresses of a host. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

export const systemResolve: Resolve = (host) => lookup(host, { all: true })

/** The host of a URL as an address, when it is one: `[::1]` is in brackets there. */
export function addressInUrl(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return isIP(bare) === 0 ? undefined : bare
}
