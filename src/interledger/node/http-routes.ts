/** What a node serves over HTTP: packets at `POST /ilp`, payment details at `/.well-known/pay` and `/pay/<name>`. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { MAX_BODY_BYTES } from '../http/index.ts'
import type { AddressOf, OpenedNode } from './opened-node.ts'

type Current = () => Pick<OpenedNode, 'receiveHttp' | 'answerSpsp'> | undefined

/** Undefined while this process is not the node: another one may be. */
const UNAVAILABLE = {
  error: { code: 'UNAVAILABLE', message: 'This process is not the Interledger node; try again in a moment.' },
}

/** Adds the routes, in a context of their own: their bodies are bytes. */
export async function addNodeRoutes(
  app: FastifyInstance,
  node: Current,
  addressOf: AddressOf = () => undefined,
): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      (_request, body, done) => done(null, body),
    )
    scope.post('/ilp', { bodyLimit: MAX_BODY_BYTES }, async ({ method, headers, body, raw }, reply) => {
      const current = node()
      // Not 503: then a peer could not know that nothing was taken.
      if (current === undefined) return refuse(reply, 429)
      // The parser above makes a buffer of every body; without one there is none.
      const bytes = body instanceof Buffer ? body : Buffer.alloc(0)
      const answer = await current.receiveHttp({ method, headers, body: bytes, from: addressOf(raw) })
      return reply.code(answer.status).headers(answer.headers).send(answer.body)
    })
    // Without a body, and so that a peer sees that somebody is here.
    scope.get('/ilp', (_request, reply) => reply.code(405).header('allow', 'POST').send())
    for (const url of ['/.well-known/pay', '/pay/:name']) {
      scope.get<{ Params: { name?: string } }>(url, async (request, reply) => {
        const current = node()
        if (current === undefined) return refuse(reply, 503)
        const { method, headers, params } = request
        const hasQuery = request.url.includes('?')
        const answer = await current.answerSpsp({ method, headers, hasQuery, name: params.name })
        return reply.code(answer.status).headers(answer.headers).send(answer.body)
      })
    }
  })
}

function refuse(reply: FastifyReply, status: 429 | 503): FastifyReply {
  return reply.code(status).header('retry-after', '5').send(UNAVAILABLE)
}
