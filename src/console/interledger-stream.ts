/** `/dashboard/interledger/stream`: the node and its peers, once a second, as server-sent events. */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { IlpNode } from '../interledger/node/index.ts'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import { DASHBOARD_RATES, type DashboardDeps, sendOutcome } from './dashboard.ts'
import { peerShown, statsShown } from './operations/interledger.ts'
import { outcomeOf, refusalBody, UNAVAILABLE } from './refusals.ts'
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
  const readers = new Readers(() => operator.interledger())
  // Before the server waits for its connections to end.
  app.addHook('preClose', async () => readers.end())
  app.route({
    method: 'GET',
    url: '/dashboard/interledger/stream',
    schema: {
      summary:
        'The node and its peers, once a second, as server-sent events: `state`, or `unavailable` while it does not answer.',
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
      reply.hijack()
      readers.add(reply.raw)
      return reply
    },
  })
}

/** All who watch. However many they are, the node is asked once a second, and not while nobody does. */
class Readers {
  readonly #node: () => IlpNode | undefined
  readonly #all = new Set<ServerResponse>()
  #timer: NodeJS.Timeout | undefined
  /** What was told last, for those who come in between. */
  #last: string | undefined
  #isAsking = false

  constructor(node: () => IlpNode | undefined) {
    this.#node = node
  }

  get size(): number {
    return this.#all.size
  }

  add(reader: ServerResponse): void {
    // It may have gone while it was asked who it is, and would not say so a second time.
    if (reader.destroyed) return
    reader.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Proxies would otherwise wait for more.
      'x-accel-buffering': 'no',
    })
    this.#all.add(reader)
    reader.on('close', () => this.#remove(reader))
    if (this.#last !== undefined) reader.write(this.#last)
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => void this.#tell(), EVERY_MS)
    void this.#tell()
  }

  end(): void {
    for (const reader of this.#all) reader.destroy()
  }

  #remove(reader: ServerResponse): void {
    this.#all.delete(reader)
    if (this.#all.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#last = undefined
  }

  /** Never rejects: what the node cannot say ends the readers, who come again. */
  async #tell(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      const event = eventOf(await outcomeOf(stateOf(this.#node())))
      if (this.#timer !== undefined) this.#last = event
      for (const reader of this.#all) if (!reader.destroyed && !reader.writableNeedDrain) reader.write(event)
    } catch {
      this.end()
    } finally {
      this.#isAsking = false
    }
  }
}

async function stateOf(node: IlpNode | undefined): Promise<Outcome<object, Refusal>> {
  if (node === undefined) return refused(UNAVAILABLE)
  const [stats, peers] = await Promise.all([node.stats(), node.peers.list()])
  return accepted({ ...statsShown(stats), peerList: peers.map(peerShown) })
}

function eventOf(state: Outcome<object, Refusal>): string {
  const [name, data] = state.ok ? ['state', state.value] : ['unavailable', refusalBody(state.refusal)]
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
