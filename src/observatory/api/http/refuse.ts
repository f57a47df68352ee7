import type { FastifyReply } from 'fastify'
import type { Refusal } from '../../../kernel/index.ts'

/** A refusal that says when to come back. */
export interface TimedRefusal extends Refusal {
  readonly retryAfterSeconds?: number
}

/** A code that is not here is a 400. */
const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ['UNAUTHORIZED', 401],
  ['TOKEN_INVALID', 401],
  ['NOT_FOUND', 404],
  ['NO_FOLLOWS', 404],
  ['RATE_LIMITED', 429],
  ['BUSY', 503],
  ['NO_FIGURES', 503],
  ['UNAVAILABLE', 503],
])

export function statusOf({ code }: Refusal): number {
  return STATUS_OF_CODE.get(code) ?? 400
}

export function refuseWith(reply: FastifyReply, refusal: TimedRefusal): FastifyReply {
  const status = statusOf(refusal)
  if (status === 401) void reply.header('www-authenticate', 'Bearer')
  if (refusal.retryAfterSeconds !== undefined) void reply.header('retry-after', refusal.retryAfterSeconds)
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .send({ error: { code: refusal.code, message: refusal.text } })
}

/** Of figures that are not there yet. */
export const NO_FIGURES: TimedRefusal = {
  code: 'UNAVAILABLE',
  text: 'there are no figures yet; try again in a moment',
  retryAfterSeconds: 5,
}

export function notOffered(what: string): TimedRefusal {
  return { code: 'UNAVAILABLE', text: `${what} is not offered here, or not ready yet` }
}
