/** `/api/v1/docs`: what can be asked over HTTP. Register it before the routes that it is to show. */
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { type ApiDocument, DOCS_PAGE_POLICY, docsPage } from './docs-page.ts'

const RATE = 60

/** Members of `paths` of an OpenAPI document that other parts bring. */
export type FurtherPaths = NonNullable<ApiDocument['paths']>

export async function addDocs(
  app: FastifyInstance,
  version: string,
  furtherPaths: FurtherPaths = {},
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Stoa',
        version,
        description:
          'What operators, moderators and people with an account can do over HTTP. Changes are POSTs with a JSON ' +
          'body; refusals have the shape {"error": {"code", "message"}}.',
      },
      components: {
        securitySchemes: {
          nostr: {
            type: 'apiKey',
            in: 'header',
            name: 'Authorization',
            description:
              '`Nostr <base64 of a signed event>` (NIP-98); one that changes something is good once.',
          },
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'An access token of /api/auth, or an API key (`stoa_…`).',
          },
        },
      },
    },
  })
  const options = { schema: { hide: true }, config: { rateLimit: { max: RATE, timeWindow: '1 minute' } } }
  const whole = (): ApiDocument => {
    // The document is made of our own schemas; only what the page shows of it is described.
    const own = app.swagger() as ApiDocument
    return { ...own, paths: { ...own.paths, ...furtherPaths } }
  }
  app.get('/api/v1/docs/openapi.json', options, async () => whole())
  app.get('/api/v1/docs', options, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', DOCS_PAGE_POLICY)
      .send(docsPage(whole())),
  )
}
