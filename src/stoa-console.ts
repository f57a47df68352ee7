/** The console's doors: HTTP for people with keys, a socket in the data folder for whoever runs the machine. */
import type { FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import type { Config } from './config/index.ts'
import { type Operator, openAdminSocket, registerAdmin } from './console/index.ts'
import { createHttpServer, type Logger } from './platform/index.ts'
import { clientAddress, TrustedProxies } from './relay/index.ts'

/** The client's address, as the relay counts it. */
export function addressReader({ relay }: Config): (request: FastifyRequest) => string {
  const proxies = new TrustedProxies(relay.trustedProxies)
  return ({ raw, headers }) => {
    const forwardedFor = headers['x-forwarded-for']
    const header = Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor
    return clientAddress(raw.socket.remoteAddress, header, proxies)
  }
}

/** Opens the socket of `stoa admin`; returns how it is closed. */
export async function openAdmin(
  dataDir: string,
  {
    config,
    operator,
    logger,
    metrics,
  }: {
    readonly config: Config
    readonly operator: Operator
    readonly logger: Logger
    readonly metrics: Registry
  },
): Promise<() => Promise<void>> {
  const http = await createHttpServer({
    logger,
    health: () => ({}),
    metrics,
    site: config.relay,
    routes: (app) => registerAdmin(app, operator),
  })
  const socket = await openAdminSocket(dataDir, http.handle)
  return async () => {
    await socket.close()
    await http.close()
  }
}
