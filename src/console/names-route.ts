import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Operator } from './operator.ts'
import { refusalBody, UNAVAILABLE } from './refusals.ts'

const RATE = 300
/** Clients ask for the same name again and again. */
const CACHE_SECONDS = 60

/** `/.well-known/nostr.json?name=…` (NIP-05): who has a name under the domain of this relay. */
export function addNames(app: FastifyInstance, { names }: Pick<Operator, 'names'>): void {
  app.get(
    '/.well-known/nostr.json',
    {
      schema: { summary: 'The key that a name stands for (NIP-05).', tags: ['names'] },
      config: { rateLimit: { max: RATE, timeWindow: '1 minute' } },
    },
    async (request, reply) => {
      const desk = names()
      if (desk === undefined) return reply.code(503).send(refusalBody(UNAVAILABLE))
      reply.header('cache-control', `public, max-age=${CACHE_SECONDS}`)
      return desk.document(nameIn(request))
    },
  )
}

/** Empty, which is nobody's name, when none was asked for: the list of all names is not given out. */
function nameIn({ query }: FastifyRequest): string {
  const name: unknown = typeof query === 'object' && query !== null ? Reflect.get(query, 'name') : undefined
  return typeof name === 'string' ? name : ''
}
