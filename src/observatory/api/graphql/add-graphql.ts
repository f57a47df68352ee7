/** `/api/v1/graphql`, by POST (`{query, variables, operationName}`) or GET; one query in a request. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { Refusal } from '../../../kernel/index.ts'
import type { ApiContext } from '../api-context.ts'
import { statusOf, type TimedRefusal } from '../http/refuse.ts'
import { rateHeaders, tooMany } from '../limits/callers.ts'
import type { GraphqlEngine, GraphqlRequest } from './engine.ts'

const MAX_QUERY_LENGTH = 20_000
/** Queries that are run at the same time; each may read the database. */
const MAX_RUNNING = 32

export const GraphqlRequestSchema = Type.Object({
  query: Type.String({ minLength: 1, maxLength: MAX_QUERY_LENGTH }),
  variables: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
  operationName: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
})
const requests = Compile(GraphqlRequestSchema)

const NO_REQUEST: Refusal = {
  code: 'BAD_REQUEST',
  text: `send {"query": "…", "variables": {…}, "operationName": "…"}, one in a request, the query of at most ${MAX_QUERY_LENGTH} characters`,
}
const TOO_MANY_RUNNING: TimedRefusal = {
  code: 'BUSY',
  text: 'as many queries run as may; try again in a moment',
  retryAfterSeconds: 2,
}

export function addGraphql(scope: FastifyInstance, context: ApiContext): void {
  let engine: Promise<GraphqlEngine> | undefined
  let running = 0
  const opened = (): Promise<GraphqlEngine> => {
    engine ??= import('./engine.ts').then(({ openGraphqlEngine }) => openGraphqlEngine(context))
    return engine
  }
  scope.addHook('onClose', async () => {
    await (await engine)?.close()
  })
  scope.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    handler: async (request, reply) => {
      const { callers } = context
      const who = await callers.of(request.raw)
      if (!who.ok) return refuse(reply, who.refusal)
      const taken = callers.take(who.value)
      void reply.headers({ ...rateHeaders(taken), 'cache-control': 'no-store' })
      if (!taken.isAllowed) return refuse(reply, tooMany(taken.limit, taken.resetSeconds))
      const asked = requestOf(request)
      if (asked === undefined) return refuse(reply, NO_REQUEST)
      if (running >= MAX_RUNNING) return refuse(reply, TOO_MANY_RUNNING)
      running++
      try {
        const { status, body } = await (await opened()).run(asked)
        return reply.code(status).send(body)
      } finally {
        running--
      }
    },
  })
}

function requestOf({ method, query, body }: FastifyRequest): GraphqlRequest | undefined {
  const given = method === 'GET' || method === 'HEAD' ? fromQuery(query) : body
  if (!requests.Check(given)) return undefined
  return {
    query: given.query,
    variables: given.variables ?? undefined,
    operationName: given.operationName ?? undefined,
  }
}

function fromQuery(query: unknown): unknown {
  const { variables, ...rest } = query as Readonly<Record<string, unknown>>
  if (typeof variables !== 'string') return variables === undefined ? rest : undefined
  try {
    return { ...rest, variables: JSON.parse(variables) as unknown }
  } catch {
    return undefined
  }
}

/** Also here in the form that GraphQL clients read. */
function refuse(reply: FastifyReply, refusal: TimedRefusal): FastifyReply {
  const { code, text, retryAfterSeconds } = refusal
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', retryAfterSeconds)
  return reply.code(statusOf(refusal)).send({ errors: [{ message: text, extensions: { code } }] })
}
