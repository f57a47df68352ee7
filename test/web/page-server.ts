/** The page with an API of fixtures behind it, which a test can make live, slow, empty, limited or dead. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import { addSite } from '../../src/observatory/site/index.ts'
import type { BrandBody, LiveMessage, OverviewBody, RangeName } from '../../web/src/api/bodies.ts'
import { BRAND, emptyAt, fullAt, overviewAt, recommendationsFor, relayPageAt } from './fixtures.ts'
import { hostileAt, hostileRelayPageAt } from './hostile.ts'

export type ApiState = 'well' | 'empty' | 'hostile' | 'limited' | 'broken' | 'not-ready' | 'slow'

export interface PageServer {
  readonly url: string
  /** Paths of the API that were asked for, with their queries. */
  readonly asked: string[]
  state: ApiState
  brand: BrandBody
  hasStream: boolean
  /** How long figures have stood still. */
  ageMs: number
  /** The database does not answer: figures are there, what is recorded of a relay is not. */
  hasRecords: boolean
  /** To everybody who listens. */
  push(message: LiveMessage): void
  pushOverview(range: RangeName, changes: Partial<OverviewBody>): void
  /** Resolves when somebody listens to a range. */
  listener(range: RangeName): Promise<void>
  stop(): Promise<void>
}

interface RangeQuery {
  readonly Querystring: { readonly range?: RangeName; readonly pubkey?: string }
  readonly Params: { readonly range: RangeName; readonly relay: string }
}

const SLOW_MS = 1500

export async function startPageServer(): Promise<PageServer> {
  const app = fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 1000 } })
  const streams = new Map<ServerResponse, RangeName>()
  const asked: string[] = []
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'Nothing.' } }),
  )
  await addSite(app)
  addApi(app, () => server, streams)
  app.addHook('onRequest', async ({ url }) => void (url.startsWith('/api/') && asked.push(url)))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const server: PageServer = {
    url: `http://127.0.0.1:${port}`,
    asked,
    state: 'well',
    brand: BRAND,
    hasStream: true,
    ageMs: 0,
    hasRecords: true,
    push(message) {
      for (const [stream, range] of streams) {
        if (range === message.range) stream.write(`data: ${JSON.stringify(message)}\n\n`)
      }
    },
    pushOverview(range, changes) {
      server.push({ topic: 'overview', range, data: { ...overviewAt(Date.now(), range), ...changes } })
    },
    async listener(range) {
      while (![...streams.values()].includes(range)) await once(app.server, 'stream-opened')
    },
    stop: () => app.close(),
  }
  return server
}

function addApi(
  app: FastifyInstance,
  server: () => PageServer,
  streams: Map<ServerResponse, RangeName>,
): void {
  app.get('/api/v1/brand', async () => server().brand)
  app.register(
    async (stats) => {
      stats.addHook('preHandler', async (_request, reply) => {
        const { state } = server()
        if (state === 'slow') await new Promise((done) => setTimeout(done, SLOW_MS))
        if (state === 'limited') {
          return reply
            .code(429)
            .header('retry-after', '77')
            .send({ error: { code: 'RATE_LIMITED', message: 'Too many.' } })
        }
        if (state === 'broken') {
          return reply
            .code(500)
            .send({ error: { code: 'INTERNAL', message: 'The server could not answer this.' } })
        }
        if (state === 'not-ready') {
          return reply
            .code(503)
            .header('retry-after', '2')
            .send({ error: { code: 'NO_FIGURES', message: 'None yet.' } })
        }
      })
      // As the program has it: browsers may show an answer while they ask for the next one.
      stats.addHook('onSend', async (_request, reply) => {
        reply.header('cache-control', 'public, max-age=1, stale-while-revalidate=60')
      })
      stats.get<RangeQuery>('/full/:range', async ({ params: { range } }) => fullBody(range))
      stats.get<RangeQuery>('/overview', async ({ query: { range = '24h' } }) => fullBody(range).overview)
      stats.get<RangeQuery>('/recommendations', async ({ query: { pubkey = '' } }) =>
        recommendationsFor(pubkey),
      )
      stats.get<RangeQuery>(
        '/relays/:relay',
        async ({ params: { relay }, query: { range = '24h' } }, reply) => {
          const page = relayBody(range, relay)
          const message = 'No relay of that address is known; addresses are written as wss://relay.example.'
          if (page !== undefined && !server().hasRecords)
            return { ...page, records_missing: true, history: [], logs: [], monitors: [] }
          return page ?? reply.code(404).send({ error: { code: 'NOT_FOUND', message } })
        },
      )
      stats.get<RangeQuery>('/stream', async ({ query: { range = '24h' } }, reply) => {
        if (!server().hasStream) return reply.code(404).send({ error: { code: 'NOT_FOUND', message: '' } })
        reply.hijack()
        reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
        reply.raw.write(': open\n\n')
        streams.set(reply.raw, range)
        reply.raw.once('close', () => streams.delete(reply.raw))
        app.server.emit('stream-opened')
      })
    },
    { prefix: '/api/v1/stats' },
  )

  const nowMs = () => Date.now() - server().ageMs
  const relayBody = (range: RangeName, relay: string) =>
    (server().state === 'hostile' ? hostileRelayPageAt : relayPageAt)(nowMs(), range, relay)
  const fullBody = (range: RangeName) => {
    const { state } = server()
    return (state === 'empty' ? emptyAt : state === 'hostile' ? hostileAt : fullAt)(nowMs(), range)
  }
}
