/**
 * The application's HTTP server: everything that is neither the relay's WebSocket nor its NIP-11 document. It opens
 * no port of its own: the relay's listener hands requests on, in the same thread by `handle`, from another thread
 * over a Unix socket.
 */
import { chmod, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply } from 'fastify'
import type { Registry } from 'prom-client'
import { MAX_BODY_BYTES } from './body-limit.ts'
import { type HomePageFacts, homePage } from './home-page.ts'
import type { Logger } from './logging.ts'

export interface ComponentHealth {
  /** `draining`: it is about to stop; what asks whether it is ready should send nobody any more. */
  readonly status: 'ok' | 'degraded' | 'failed' | 'draining'
  /** Facts beside it, with units in their names; never a secret. */
  readonly [fact: string]: string | number | boolean
}

/** One entry for each part of the program. */
export type Health = Readonly<Record<string, ComponentHealth>>

export interface HttpServerDeps {
  readonly logger: Logger
  /** Asked on every `/health`; must answer at once. */
  readonly health: () => Health | Promise<Health>
  readonly metrics: Registry
  readonly site: HomePageFacts
  /** Adds the routes of other parts, before the server is ready and nothing can be added any more. */
  readonly routes?: (app: FastifyInstance) => Promise<void>
  /** Who takes the upgrades at a path (`/btp`); undefined when nobody does. Asked for each. */
  readonly upgrades?: (path: string) => UpgradeHandler | undefined
}

/** Takes over a socket whose client asks for another protocol; `head` is what came behind the request. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface HttpServer {
  /** For parts that add their routes; before the first request. */
  readonly app: FastifyInstance
  /** Answers one request that a listener of somebody else has received. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** As `handle`, for an upgrade; one that nobody takes is answered 404. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Listens on a Unix socket that only this user may open; a file that was left there is replaced. */
  listenUnix(path: string): Promise<void>
  /** Finishes open requests and stops listening. */
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 30_000
/** A relay's URL stands in paths, percent-encoded. */
const MAX_PARAMETER_CHARACTERS = 1_000

/** Makes the server with `/`, `/health`, `/healthz` and `/metrics`; it is ready to `handle` when this resolves. */
export async function createHttpServer({
  logger,
  health,
  metrics,
  site,
  routes,
  upgrades,
}: HttpServerDeps): Promise<HttpServer> {
  // Threads that only share this folder's other parts do not read it.
  const { fastify, LogController } = await import('fastify')
  const log: FastifyBaseLogger = logger.child({ part: 'http' })
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS },
    // What the router itself cannot read (`/%zz`) is refused before any handler.
    frameworkErrors: (error, _request, reply: Pick<FastifyReply, 'code'>) => {
      const { statusCode = 400, message } = error
      void reply.code(statusCode).send({ error: { code: 'BAD_REQUEST', message } })
    },
  })
  refuseInOneShape(app)
  addHealth(app, health)
  app.get('/metrics', async (_request, reply) => {
    return reply.type(metrics.contentType).send(await metrics.metrics())
  })
  await routes?.(app)
  // A part may have a better one.
  if (!app.hasRoute({ method: 'GET', url: '/' })) addHomePage(app, site)
  await app.ready()
  const handleUpgrade: UpgradeHandler = (request, socket, head) => {
    const take = upgrades?.(pathOf(request))
    if (take === undefined) refuseUpgrade(socket)
    else take(request, socket, head)
  }
  app.server.on('upgrade', handleUpgrade)
  return {
    app,
    handle: (request, response) => app.routing(request, response),
    handleUpgrade,
    listenUnix: (path) => listenUnix(app, path),
    close: () => app.close(),
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/'
}

function refuseUpgrade(socket: Duplex): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  const text = 'No WebSocket is served here; the relay is at the path /.'
  socket.end(
    'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

function addHomePage(app: FastifyInstance, site: HomePageFacts): void {
  app.get('/', async (request, reply) => {
    const page = homePage(site, request.headers.host)
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', page.policy)
      .send(page.html)
  })
}

function addHealth(app: FastifyInstance, health: HttpServerDeps['health']): void {
  app.get('/health', async (_request, reply) => {
    const components = await health()
    const status = worstOf(components)
    return reply
      .code(status === 'ok' || status === 'degraded' ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status, components })
  })
  // Liveness: that it answers at all is the answer.
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'))
}

function worstOf(components: Health): ComponentHealth['status'] {
  const statuses = Object.values(components).map(({ status }) => status)
  // Where somebody stops it, what else is wrong with it matters less.
  if (statuses.includes('draining')) return 'draining'
  if (statuses.includes('failed')) return 'failed'
  return statuses.includes('degraded') ? 'degraded' : 'ok'
}

/** Every refusal has the shape `{error: {code, message}}`. What went wrong inside is for the log only. */
function refuseInOneShape(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    const message = `Nothing is served at ${request.method} ${request.url.split('?')[0]}.`
    return reply.code(404).send({ error: { code: 'NOT_FOUND', message } })
  })
  app.setErrorHandler(
    (error: Error & { readonly statusCode?: number; readonly code?: string }, request, reply) => {
      const status = error.statusCode ?? 500
      if (status >= 500) {
        request.log.error(
          { err: error, method: request.method, route: request.routeOptions.url },
          'http.failed',
        )
        return reply
          .code(500)
          .send({ error: { code: 'INTERNAL', message: 'The server could not answer this.' } })
      }
      return reply.code(status).send({ error: { code: error.code ?? 'BAD_REQUEST', message: error.message } })
    },
  )
}

async function listenUnix(app: FastifyInstance, path: string): Promise<void> {
  // The data folder is locked by now, so a socket file in it belongs to a process that is gone.
  if (!path.startsWith('\\\\.\\pipe\\')) await rm(path, { force: true })
  await app.listen({ path, listenTextResolver: () => 'http.listening' })
  if (!path.startsWith('\\\\.\\pipe\\')) await chmod(path, 0o600)
}
