/** `POST /` with `application/nostr+json+rpc` (NIP-86). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Outcome, type Refusal, refused } from '../kernel/index.ts'
import { isManagementRequest, MANAGEMENT_MEDIA_TYPE, parseManagementCall } from '../nostr/index.ts'
import { parseBody } from './bodies.ts'
import { authorizePrepared, type DashboardDeps } from './dashboard.ts'
import { REPLAYED } from './identify.ts'
import { carryOutCall, rightsFor } from './management.ts'
import { refusalHeaders, statusOf } from './refusals.ts'
import { authorize } from './rights.ts'

/** Calls of one address a minute. */
const RATE = 120

export function addManagement(app: FastifyInstance, deps: DashboardDeps): void {
  app.route({
    method: 'POST',
    url: '/',
    schema: { hide: true },
    config: { rateLimit: { max: RATE, timeWindow: '1 minute' } },
    // NIP-86 has a shape of its own for what went wrong.
    errorHandler: (error, request, reply) => {
      const status = error.statusCode ?? 500
      if (status >= 500) request.log.error({ err: error }, 'http.failed')
      // Fastify takes an answer that was sent; waiting for it would be waiting for ourselves.
      void reply
        .code(status)
        .send({ error: status >= 500 ? 'the server could not answer this' : error.message })
    },
    handler: async (request, reply) => {
      reply.header('cache-control', 'no-store')
      if (!isManagementRequest(request.headers['content-type'])) {
        return reply.code(415).send({ error: `the Content-Type must be ${MANAGEMENT_MEDIA_TYPE}` })
      }
      return answer(reply, await call(deps, request))
    },
  })
}

/** Who may not call at all is told so by the status; what went wrong with a call stands in an answer of status 200. */
function answer(reply: FastifyReply, outcome: Outcome<unknown, Refusal>): FastifyReply {
  if (outcome.ok) return reply.send({ result: outcome.value })
  const { refusal } = outcome
  const status = statusOf(refusal)
  const isAboutCaller = status === 401 || status === 403
  return reply
    .code(isAboutCaller ? status : 200)
    .headers(refusalHeaders(refusal))
    .send({ error: refusal.text })
}

async function call(
  { operator, identify }: DashboardDeps,
  request: FastifyRequest,
): Promise<Outcome<unknown, Refusal>> {
  const identified = await identify(request)
  if (!identified.ok) return identified
  const { principal, claim } = identified.value
  // Whoever may not even ask what there is learns nothing about their call.
  const mayAtAll = authorize(principal, { need: 'moderate', isChange: false })
  if (!mayAtAll.ok) return mayAtAll
  const body = parseBody(request)
  const parsed = body.ok ? parseManagementCall(body.value) : body
  if (!parsed.ok) return refused({ code: 'INVALID', text: parsed.refusal })
  const rights = rightsFor(parsed.value)
  const by = await authorizePrepared(operator, principal, rights)
  if (!by.ok) return by
  if (rights.isChange && !(await claim())) return refused(REPLAYED)
  return carryOutCall(operator, parsed.value, by.value)
}
