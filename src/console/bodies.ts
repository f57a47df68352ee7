import type { FastifyInstance, FastifyRequest } from 'fastify'
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { MANAGEMENT_MEDIA_TYPE } from '../nostr/index.ts'

/** A list of a few hundred keys is the longest that anybody sends. */
const MAX_CONSOLE_BODY_BYTES = 256 * 1024

/** Has bodies read as bytes: a signature is over these (NIP-98), not over what they mean. */
export function readBodiesAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    ['application/json', MANAGEMENT_MEDIA_TYPE],
    { parseAs: 'buffer', bodyLimit: MAX_CONSOLE_BODY_BYTES },
    (_request, body, done) => done(null, body),
  )
}

/** Undefined when there is no body. */
export function bodyBytesOf({ body }: FastifyRequest): Buffer | undefined {
  return Buffer.isBuffer(body) ? body : undefined
}

/** The body as JSON; an empty one is an empty object. */
export function parseBody(request: FastifyRequest): Outcome<unknown, string> {
  const bytes = bodyBytesOf(request)
  if (bytes === undefined || bytes.length === 0) return accepted({})
  try {
    return accepted(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    return refused('the body is not JSON')
  }
}
