/** Answers one operation: who asks, what, whether they may, and whether they have it already. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { accepted, type Outcome } from '../../../kernel/index.ts'
import type { ApiContext } from '../api-context.ts'
import { rateHeaders, tooMany } from '../limits/callers.ts'
import { Answer } from './answer.ts'
import { etagOf, isKnown } from './etag.ts'
import type { FiguresOperation, Operation, PlainOperation } from './operation.ts'
import { type Parameters, readQuery } from './read-query.ts'
import { NO_FIGURES, refuseWith, type TimedRefusal } from './refuse.ts'

const FIGURES_CACHING = 'public, max-age=1, stale-while-revalidate=60'

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export function handlerOf(context: ApiContext, operation: Operation): Handler {
  // `figures` and `plain` have seen that the operation's functions fit its parameters.
  return operation.is === 'figures'
    ? (request, reply) => serveFigures(context, operation as unknown as FiguresOperation, request, reply)
    : (request, reply) => servePlain(context, operation as unknown as PlainOperation, request, reply)
}

async function serveFigures(
  context: ApiContext,
  operation: FiguresOperation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { callers, desk, cache, deps } = context
  const who = await callers.of(request.raw)
  if (!who.ok) return refuseWith(reply, who.refusal)
  const values = valuesOf(operation, request)
  const sourced = values.ok ? await desk.current(operation.rangeOf(values.value)) : undefined
  if (values.ok && sourced !== undefined) {
    const version = `${sourced.from} ${sourced.version}`
    const etag = etagOf(deps.version, version)
    void reply.headers({
      etag,
      'cache-control': FIGURES_CACHING,
      'last-modified': new Date(sourced.snapshot.atSeconds * 1_000).toUTCString(),
      'x-stoa-source': sourced.from,
      vary: 'Accept-Encoding',
    })
    if (isKnown(request.headers['if-none-match'], etag)) {
      const taken = callers.takeUnchanged(who.value)
      void reply.headers(rateHeaders(taken))
      if (taken.isAllowed) return reply.code(304).send()
      return refuseFigures(reply, tooMany(taken.limit, taken.resetSeconds))
    }
    const taken = callers.take(who.value)
    void reply.headers(rateHeaders(taken))
    if (!taken.isAllowed) return refuseFigures(reply, tooMany(taken.limit, taken.resetSeconds))
    const key = `${operation.url} ${JSON.stringify(values.value)}`
    const known = cache.get(key, version)
    if (known !== undefined) return sendAnswer(request, reply, known)
    const asked = { context, sourced, values: values.value, url: targetOf(request) }
    const made = await onceFor(context, `${version} ${key}`, async () => {
      const shown = await operation.show(asked)
      if (!shown.ok) return shown
      const answer = new Answer(version, shown.value.body, shown.value.headers)
      cache.put(key, answer)
      return accepted(answer)
    })
    return made.ok ? sendAnswer(request, reply, made.value) : refuseFigures(reply, made.refusal)
  }
  const taken = callers.take(who.value)
  void reply.headers(rateHeaders(taken))
  if (!taken.isAllowed) return refuseWith(reply, tooMany(taken.limit, taken.resetSeconds))
  return refuseWith(reply, values.ok ? NO_FIGURES : values.refusal)
}

/** An answer of ten thousand relays takes a fifth of a second to make: all who wait for the same one get the one. */
function onceFor(
  { making }: ApiContext,
  name: string,
  make: () => Promise<Outcome<Answer, TimedRefusal>>,
): Promise<Outcome<Answer, TimedRefusal>> {
  const known = making.get(name)
  if (known !== undefined) return known
  const made = make().finally(() => making.delete(name))
  making.set(name, made)
  return made
}

/**
 * Path and query. A target may also be a whole URL (RFC 9112, 3.2.2) of whatever host; the answer is kept for others, whom
 * its links must not lead there.
 */
function targetOf({ url }: FastifyRequest): string {
  return url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
}

/** A refusal is none of the figures, and nobody may keep it as if it were. */
function refuseFigures(reply: FastifyReply, refusal: TimedRefusal): FastifyReply {
  void reply.removeHeader('etag')
  void reply.removeHeader('last-modified')
  return refuseWith(reply, refusal)
}

async function servePlain(
  context: ApiContext,
  operation: PlainOperation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { callers } = context
  const { url, ownLimit } = operation
  const who =
    ownLimit === undefined
      ? await callers.of(request.raw)
      : accepted(callers.apart(request.raw, url, ownLimit))
  if (!who.ok) return refuseWith(reply, who.refusal)
  if (operation.cost > 0) {
    const taken = callers.take(who.value, operation.cost)
    void reply.headers(rateHeaders(taken))
    if (!taken.isAllowed) return refuseWith(reply, tooMany(taken.limit, taken.resetSeconds))
  }
  const values = valuesOf(operation, request)
  if (!values.ok) return refuseWith(reply, values.refusal)
  return operation.run({ context, request, reply, values: values.value, caller: who.value })
}

function valuesOf<P extends Parameters>(
  { parameters, inPath = [] }: { readonly parameters: P; readonly inPath?: readonly string[] },
  request: FastifyRequest,
): ReturnType<typeof readQuery<P>> {
  if (inPath.length === 0) return readQuery(parameters, request.query)
  const placed = new Set(inPath)
  const query = request.query as Readonly<Record<string, unknown>>
  const doubled = Object.keys(query).find((name) => placed.has(name))
  // A `range` beside the one in the path is one too many, whatever it says.
  const given =
    doubled === undefined ? { ...query, ...pathOf(request, inPath) } : { ...query, [doubled]: ['', ''] }
  return readQuery(parameters, given)
}

function pathOf({ params }: FastifyRequest, inPath: readonly string[]): Readonly<Record<string, unknown>> {
  const placed = params as Readonly<Record<string, unknown>>
  // What a wildcard stands for is the last of them.
  return Object.fromEntries(inPath.map((name) => [name, placed[name] ?? placed['*']]))
}

async function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Answer,
): Promise<FastifyReply> {
  const encoding = answer.encodingFor(request.headers['accept-encoding'])
  const bytes = answer.bytesIn(encoding)
  void reply.type('application/json; charset=utf-8').headers(answer.headers)
  if (encoding !== 'identity') void reply.header('content-encoding', encoding)
  return reply.send(bytes instanceof Buffer ? bytes : await bytes)
}
