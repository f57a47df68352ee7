/** The console's doors: HTTP for people with keys, a socket in the data folder for whoever runs the machine. */
import type { Registry } from 'prom-client'
import type { Config } from './config/index.ts'
import { type Operator, openAdminSocket, registerAdmin } from './console/index.ts'
import { createHttpServer, type Logger } from './platform/index.ts'

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
