/** Who asks over HTTP or a WebSocket, as the relay counts clients: its proxies are believed. */
import type { IncomingMessage } from 'node:http'
import type { Config } from './config/index.ts'
import { clientAddress, TrustedProxies } from './relay/index.ts'

/** Undefined for a client that came by a Unix socket through a proxy which does not say for whom. */
export function addressReader({ relay }: Config): (request: IncomingMessage) => string | undefined {
  const proxies = new TrustedProxies(relay.trustedProxies)
  return ({ socket, headers }) => {
    const forwardedFor = headers['x-forwarded-for']
    const header = Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor
    return clientAddress(socket.remoteAddress, header, proxies) || undefined
  }
}
