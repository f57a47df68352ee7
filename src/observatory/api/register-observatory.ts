/** The public API on the application's HTTP server, in a context of its own: other pages stay as they are. */
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'
import { createApiContext } from './api-context.ts'
import type { ObservatoryApiDeps } from './deps.ts'
import { addGraphql } from './graphql/add-graphql.ts'
import { handlerOf } from './http/serve-operation.ts'
import { OPERATIONS } from './operations.ts'

export const API_PREFIX = '/api/v1'
/** Of a POST. */
export const MAX_BODY_BYTES = 256 * 1024

/** Adds everything of `OPERATIONS` and `/graphql` under `/api/v1`. Tags and compression are of the answers themselves. */
export async function registerObservatory(app: FastifyInstance, deps: ObservatoryApiDeps): Promise<void> {
  const context = createApiContext(deps)
  await app.register(
    async (scope) => {
      await scope.register(helmet, {
        crossOriginResourcePolicy: { policy: 'cross-origin' },
        // Whether this host and all under it are to be asked by TLS only is for the operator's proxy to say.
        strictTransportSecurity: false,
      })
      await scope.register(cors, {
        origin: '*',
        methods: ['GET', 'HEAD', 'POST', 'OPTIONS'],
        allowedHeaders: ['Authorization', 'Content-Type', 'Accept', 'If-None-Match', 'X-Api-Key'],
        exposedHeaders: EXPOSED,
        maxAge: 600,
      })
      for (const operation of OPERATIONS) {
        scope.route({
          method: operation.method ?? 'GET',
          url: operation.url,
          bodyLimit: MAX_BODY_BYTES,
          handler: handlerOf(context, operation),
        })
      }
      addGraphql(scope, context)
      scope.addHook('onResponse', async (_request, reply) => deps.onAnswered?.(reply.statusCode))
      // Streams end before the server waits for its connections to.
      scope.addHook('preClose', async () => context.close())
    },
    { prefix: API_PREFIX },
  )
}

const EXPOSED = [
  'ETag',
  'Link',
  'X-Total-Count',
  'X-Stoa-Source',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'RateLimit-Policy',
  'Retry-After',
]
