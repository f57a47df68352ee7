/** The application's HTTP server: the console, the observatory and the node behind one port, the relay's. */
import type { FastifyInstance } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import type { ConsoleDeps, Operator } from './console/index.ts'
import { systemClock } from './kernel/index.ts'
import {
  createHttpServer,
  type createMetricsRegistry,
  type Health,
  type HttpServer,
  type Logger,
  type SignatureVerifier,
} from './platform/index.ts'
import type { NodePlace } from './stoa-back-node.ts'
import type { ObservatoryDesk } from './stoa-observatory-desk.ts'
import type { Office } from './stoa-office.ts'
import type { LiveSettings } from './stoa-settings.ts'
import type { Shared } from './stoa-shared.ts'

export interface ApplicationRooms {
  readonly settings: LiveSettings
  readonly metrics: ReturnType<typeof createMetricsRegistry>
  readonly shared: Pick<Shared, 'claimAuthEvent'>
  readonly verifier: SignatureVerifier
  readonly health: () => Promise<Health>
  /** False where a relay is alone: then the server says how it is, and nothing else. */
  readonly hasOffice: boolean
  /** Undefined until it is there. */
  readonly office: () => Office | undefined
  readonly node: Pick<NodePlace, 'addRoutes' | 'upgradesAt'>
  /** What operators can do, and what they can ask of the observatory; asked for with the role `api`. */
  readonly operator: () => Promise<Operator>
  /** Resolves to undefined where nothing is watched or shown. */
  readonly observatory: () => Promise<ObservatoryDesk | undefined>
  readonly logger: Logger
}

/** WebSockets of the observatory's API. */
const LIVE_PATH = '/api/v1/live'

/** Resolves when it can answer; most of what is behind it says until then that it is not ready. */
export async function createApplication(rooms: ApplicationRooms): Promise<HttpServer> {
  const { settings, metrics, health, hasOffice, node, logger } = rooms
  const config = settings.current
  const common = { logger, metrics, site: config.relay, health }
  if (!hasOffice) return createHttpServer(common)
  if (!config.process.roles.includes('api'))
    return createHttpServer({
      ...common,
      upgrades: (path) => node.upgradesAt(path),
      routes: (app) => node.addRoutes(app),
    })
  const [addConsole, observatory] = await Promise.all([consoleRoutes(rooms), rooms.observatory()])
  return createHttpServer({
    ...common,
    upgrades: (path) => (path === LIVE_PATH ? observatory?.handleLive : node.upgradesAt(path)),
    routes: async (app) => {
      await node.addRoutes(app)
      await observatory?.addRoutes(app)
      await addConsole(app, observatory?.paths())
    },
  })
}

/** Adds the console, which also describes what other parts answer at `furtherPaths`. */
async function consoleRoutes({
  settings,
  shared,
  verifier,
  office,
  operator: operatorNow,
}: ApplicationRooms) {
  const [{ registerConsole }, { addressReader }, operator] = await Promise.all([
    import('./console/index.ts'),
    import('./stoa-client-address.ts'),
    operatorNow(),
  ])
  const addressOf = addressReader(settings.current)
  return async (app: FastifyInstance, furtherPaths: ConsoleDeps['furtherPaths']): Promise<void> => {
    await registerConsole(app, {
      operator,
      accounts: () => office()?.people()?.accounts,
      knownAs: () => ({ publicUrl: settings.current.relay.publicUrl, otherUrls: [] }),
      verifier,
      claimOnce: shared.claimAuthEvent,
      clock: systemClock,
      addressOf: ({ raw }) => addressOf(raw) ?? '',
      version: packageJson.version,
      ...(furtherPaths !== undefined && { furtherPaths }),
    })
  }
}
