import type { ClientRequestArgs } from 'node:http'
import { guardedLookup, type ResolveName } from '../../platform/internet/index.ts'
import { createOnionConnection } from './onion-connection.ts'
import { isOnion } from './relay-address.ts'

/** How sockets get to one relay. */
export interface RelayRoute {
  /** `ws://` or `wss://`. */
  readonly address: string
  /** Options of `http.request` and of `ws`. */
  readonly options: {
    readonly lookup?: ReturnType<typeof guardedLookup>
    readonly createConnection?: NonNullable<ClientRequestArgs['createConnection']>
  }
}

export interface RouteRules {
  readonly allowPrivate: boolean
  readonly onionProxy: string | undefined
  readonly aliases: ReadonlyMap<string, string>
  /** URL of our own relay, which may be anywhere. */
  readonly own: string | undefined
  readonly resolve: ResolveName
}

/** The way to a relay whose address was accepted. What the operator named himself is not guarded. */
export function routeOf(url: string, rules: RouteRules): RelayRoute {
  const alias = rules.aliases.get(url)
  if (alias !== undefined) return { address: alias, options: {} }
  if (url === rules.own) return { address: url, options: {} }
  const { hostname, protocol } = new URL(url)
  if (isOnion(hostname) && rules.onionProxy !== undefined) {
    return {
      address: url,
      options: { createConnection: createOnionConnection(rules.onionProxy, protocol === 'wss:') },
    }
  }
  return rules.allowPrivate
    ? { address: url, options: {} }
    : { address: url, options: { lookup: guardedLookup(rules.resolve) } }
}
