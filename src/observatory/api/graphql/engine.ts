/** GraphQL as a program: loaded when it is first asked for, since that takes a quarter of a second. */
import { fastify } from 'fastify'
import { GraphQLError, parse } from 'graphql'
import { mercurius } from 'mercurius'
import type { ApiContext } from '../api-context.ts'
import { queryLimits } from './query-limits.ts'
import { FigureError, resolversOf } from './resolvers.ts'
import { SCHEMA_TEXT } from './schema-text.ts'

/** Words and signs of a query; the standard introspection has 300. */
const MAX_TOKENS = 2_000
/** Queries whose reading and checking is remembered, and as many that were refused. */
const MAX_REMEMBERED = 200

export interface GraphqlRequest {
  readonly query: string
  readonly variables: Record<string, unknown> | undefined
  readonly operationName: string | undefined
}

export interface GraphqlAnswer {
  readonly status: 200 | 400
  readonly body: { readonly data?: unknown; readonly errors?: readonly ShownError[] }
}

export interface ShownError {
  readonly message: string
  readonly locations?: unknown
  readonly path?: unknown
  readonly extensions: { readonly code: string }
}

export interface GraphqlEngine {
  /** Never rejects: what is wrong is in the answer. */
  run(request: GraphqlRequest): Promise<GraphqlAnswer>
  close(): Promise<void>
}

export async function openGraphqlEngine(context: ApiContext): Promise<GraphqlEngine> {
  // It has no routes: who may ask, and how, is decided as for all other paths.
  const app = fastify({ logger: false })
  await app.register(mercurius, {
    schema: SCHEMA_TEXT,
    resolvers: resolversOf(context),
    routes: false,
    graphiql: false,
    allowBatchedQueries: false,
    cache: MAX_REMEMBERED,
    validationRules: [queryLimits],
    errorFormatter: ({ data, errors }) => ({
      statusCode: 200,
      response: { data: data ?? null, errors: errors.map((error) => hidden(context, error)) },
    }),
  })
  await app.ready()
  return {
    run: async ({ query, variables, operationName }) => {
      // Read here first: the library would also take a document that is JSON, and then nothing bounds it.
      const mistake = mistakeIn(query)
      if (mistake !== undefined) return refusal([mistake], 'GRAPHQL_PARSE_FAILED')
      try {
        const { data, errors } = await app.graphql(query, {}, variables ?? {}, operationName)
        return { status: 200, body: { data, ...(errors !== undefined && { errors: errors.map(shown) }) } }
      } catch (error) {
        return refusal(mistakesOf(error), 'GRAPHQL_VALIDATION_FAILED')
      }
    },
    close: async () => {
      await app.close()
    },
  }
}

function mistakeIn(query: string): Error | undefined {
  try {
    parse(query, { maxLexicalTokens: MAX_TOKENS })
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error('this is no GraphQL')
  }
}

/** What went wrong inside is for the log only. */
function hidden({ deps }: ApiContext, error: GraphQLError): GraphQLError {
  if (error.originalError === undefined || error.originalError instanceof FigureError) return error
  deps.logger.error({ err: error.originalError }, 'observatory.graphql_failed')
  return new GraphQLError('The server could not answer this.', {
    path: error.path,
    extensions: { code: 'INTERNAL' },
  })
}

const MAX_SHOWN = 10

function refusal(mistakes: readonly unknown[], code: string): GraphqlAnswer {
  const errors = mistakes.slice(0, MAX_SHOWN).map((mistake) => {
    const { message, locations, extensions } = shown(mistake)
    const given = extensions.code === 'BAD_REQUEST' ? code : extensions.code
    return { message, ...(locations !== undefined && { locations }), extensions: { code: given } }
  })
  return { status: 400, body: { errors } }
}

function shown(error: unknown): ShownError {
  if (!(error instanceof Error))
    return { message: 'this cannot be answered', extensions: { code: 'BAD_REQUEST' } }
  const { message } = error
  // Not by its class: the library may have loaded another copy of it.
  const { locations, path, extensions }: Partial<GraphQLError> = error
  const code = extensions?.code
  return {
    message,
    ...(locations !== undefined && { locations }),
    ...(path !== undefined && { path }),
    extensions: { code: typeof code === 'string' ? code : 'BAD_REQUEST' },
  }
}

/** Of an error of the library, the mistakes that it holds. */
function mistakesOf(error: unknown): readonly unknown[] {
  const held: unknown = error instanceof Error && 'errors' in error ? error.errors : undefined
  return Array.isArray(held) && held.length > 0 ? held : [error]
}
