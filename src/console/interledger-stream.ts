/** `/dashboard/interledger/stream`: the node and its peers, once a second, as server-sent events. */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { IlpNode } from '../interledger/node/index.ts'
import { refused } from '../kernel/index.ts'
import { DASHBOARD_RATES, type DashboardDeps, sendOutcome } from './dashboard.ts'
import { peerShown, statsShown } from './operations/interledger.ts'
import { UNAVAILABLE } from './refusals.ts'
import { authorize } from './rights.ts'

const EVERY_MS = 1_000
/** Readers at the same time, of one process. */
const MAX_READERS = 100

const TOO_MANY = refused({
  code: 'BUSY',
  text: `${MAX_READERS} readers are watching already; ask /dashboard/interledger instead`,
})

/** Adds the stream. It ends with its reader; who reads too slowly misses seconds and nothing else. */
export function addInterledgerStream(app: FastifyInstance, { operator, identify }: DashboardDeps): void {
  const readers = new Set<ServerResponse>()
  // Before the server waits for its connections to end.
  app.addHook('preClose', async () => {
    for (const reader of readers) reader.destroy()
  })
  app.route({
    method: 'GET',
    url: '/dashboard/interledger/stream',
    schema: {
      summary: 'The node and its peers, once a second, as server-sent events (`event: state`).',
      description: 'Operators, owners.',
      tags: ['interledger'],
      security: [{ nostr: [] }, { bearer: [] }],
    },
    config: { rateLimit: { max: DASHBOARD_RATES.show, timeWindow: '1 minute' } },
    handler: async (request, reply) => {
      const identified = await identify(request)
      if (!identified.ok) return sendOutcome(reply, identified)
      const allowed = authorize(identified.value.principal, { need: 'operate', isChange: false })
      if (!allowed.ok) return sendOutcome(reply, allowed)
      if (operator.interledger() === undefined) return sendOutcome(reply, refused(UNAVAILABLE))
      if (readers.size >= MAX_READERS) return sendOutcome(reply, TOO_MANY)
      return stream(reply, { readers, node: () => operator.interledger() })
    },
  })
}

function stream(
  reply: FastifyReply,
  { readers, node }: { readonly readers: Set<ServerResponse>; readonly node: () => IlpNode | undefined },
): FastifyReply {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // Proxies would otherwise wait for more.
    'x-accel-buffering': 'no',
  })
  readers.add(raw)
  let isAsking = false
  const tell = async (): Promise<void> => {
    const current = node()
    if (isAsking || raw.writableNeedDrain || current === undefined) return
    isAsking = true
    try {
      const [stats, peers] = await Promise.all([current.stats(), current.peers.list()])
      const state = { ...statsShown(stats), peerList: peers.map(peerShown) }
      if (!raw.destroyed) raw.write(`event: state\ndata: ${JSON.stringify(state)}\n\n`)
    } finally {
      isAsking = false
    }
  }
  const timer = setInterval(() => void tell().catch(() => raw.destroy()), EVERY_MS)
  raw.on('close', () => {
    clearInterval(timer)
    readers.delete(raw)
  })
  void tell().catch(() => raw.destroy())
  return reply
}
