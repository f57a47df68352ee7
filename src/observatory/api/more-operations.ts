/** What is not a figure of a range: recommendations, spam, exports, usage, the stream, brand, health. */
import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AppError } from '../../kernel/index.ts'
import { RANGES, SECONDS_PER_DAY } from '../ranges.ts'
import type { HealthBody, SpamScoreBody, UsageBody } from './bodies.ts'
import { EXPORT_FORMATS, EXPORT_SUBJECTS } from './deps.ts'
import { isoTime, stepLabel } from './figures/texts.ts'
import { type Operation, type PlainAsked, plain } from './http/operation.ts'
import { listOf, moment, optional, orElse, pattern, word } from './http/parameters.ts'
import type { Parameters } from './http/read-query.ts'
import { notOffered, refuseWith, type TimedRefusal } from './http/refuse.ts'
import {
  BrandSchema,
  HealthSchema,
  RecommendationsSchema,
  SpamScoreSchema,
  SpamTextSchema,
  UsageSchema,
} from './http/schemas.ts'
import { serveStream } from './live/live-stream.ts'
import { TOPICS } from './live/topics.ts'
import { EXPORT_PATIENCE, sendExport } from './send-export.ts'

/** An export reads much of the database: it counts as so many requests. */
const EXPORT_COST = 10
const EXPORT_DAYS = 30
const USAGE_DAYS_SHOWN = 31
/** Requests of an address in 15 minutes: two a second, for all who look whether it works. */
const HEALTH_LIMIT = 1_800

const CONTENT_TYPES = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
} as const

const BUSY: TimedRefusal = {
  code: 'BUSY',
  text: 'as many of these are under way as may be; try again in a moment',
  retryAfterSeconds: 10,
}

const EXPORTING: TimedRefusal = {
  code: 'BUSY',
  text: 'an export of yours is under way; one at a time',
  retryAfterSeconds: 10,
}

const isSpamText = Compile(SpamTextSchema)

export const MORE_OPERATIONS: readonly Operation[] = [
  plain({
    url: '/stats/recommendations',
    says: 'Relays for a key: those by which it reaches the people that it follows, by their relay lists, health and latency; each with its reason.',
    tag: 'statistics',
    cost: 1,
    parameters: { pubkey: pattern(/^[0-9a-f]{64}$/, 'a public key, 64 lowercase hex characters') },
    output: RecommendationsSchema,
    run: async ({ context, reply, values }) => {
      const { recommend } = context.deps
      if (recommend === undefined) return refuseWith(reply, notOffered('a recommendation'))
      const slot = context.recommendationSlots.take()
      if (!slot.ok) return refuseWith(reply, BUSY)
      try {
        const recommended = await recommend(values.pubkey)
        if (!recommended.ok) return refuseWith(reply, recommended.refusal)
        return await fresh(reply, 'private, max-age=60').send(recommended.value)
      } finally {
        slot.value()
      }
    },
  }),
  plain({
    method: 'POST',
    url: '/stats/spam-score',
    says: 'How likely a text is spam, and by which signs.',
    tag: 'statistics',
    cost: 1,
    parameters: {},
    body: SpamTextSchema,
    output: SpamScoreSchema,
    run: async ({ context, request, reply }) => {
      const { spamScore } = context.deps
      if (spamScore === undefined) return refuseWith(reply, notOffered('a spam score'))
      const { body } = request
      if (!isSpamText.Check(body)) return refuseWith(reply, NO_SPAM_TEXT)
      const { probability, isSpam, signs } = spamScore(body.text)
      const answer: SpamScoreBody = { probability, is_spam: isSpam, signs }
      return fresh(reply).send(answer)
    },
  }),
  plain({
    url: '/stats/export',
    says: `History as a file. The last ${EXPORT_DAYS} days unless \`since\` says otherwise. One at a time, within an hour. Who takes nothing of it for 30 seconds is dropped.`,
    tag: 'statistics',
    cost: EXPORT_COST,
    parameters: {
      what: word(EXPORT_SUBJECTS),
      format: orElse(word(EXPORT_FORMATS), 'csv'),
      since: optional(moment),
      until: optional(moment),
    },
    output: Type.String({ description: 'CSV with a line of names, a JSON array, or Parquet.' }),
    contentType: 'text/csv',
    run: serveExport,
  }),
  plain({
    url: '/stats/usage',
    says: 'What the API key that asks may do, has done, and is subscribed to.',
    tag: 'API keys',
    cost: 1,
    parameters: {},
    output: UsageSchema,
    run: serveUsage,
  }),
  plain({
    url: '/stats/stream',
    says: 'Server-sent events: a `LiveMessage` for each topic, and another one whenever it has changed, at most twice a second. Counts as one request. `/api/v1/live` is the same by WebSocket.',
    tag: 'live',
    cost: 1,
    parameters: {
      topics: orElse(listOf(word(TOPICS)), ['overview']),
      range: orElse(word(RANGES), '24h'),
    },
    output: Type.String(),
    contentType: 'text/event-stream',
    run: ({ context, request, reply, values }) =>
      serveStream(context, reply, {
        address: context.deps.addressOf(request.raw) ?? 'unknown',
        range: values.range,
        topics: values.topics,
      }),
  }),
  plain({
    url: '/brand',
    says: 'Name and looks of this observatory.',
    tag: 'program',
    cost: 0,
    parameters: {},
    output: BrandSchema,
    run: async ({ context, reply }) => fresh(reply, 'public, max-age=60').send(context.deps.brand()),
  }),
  plain({
    url: '/health',
    says: 'Whether what the API rests on works, at most a second old; 503 when the database does not.',
    tag: 'program',
    cost: 1,
    ownLimit: HEALTH_LIMIT,
    parameters: {},
    output: HealthSchema,
    run: async ({ context, reply }) => {
      const { services, atSeconds } = await context.health.current()
      const states = Object.values(services)
      const status = services.database === 'failed' ? 'failed' : states.includes('failed') ? 'degraded' : 'ok'
      const body: HealthBody = { status, timestamp: isoTime(atSeconds), services }
      return fresh(reply)
        .code(status === 'failed' ? 503 : 200)
        .send(body)
    },
  }),
]

const NO_SPAM_TEXT: TimedRefusal = {
  code: 'BAD_BODY',
  text: 'send {"text": "…"} as JSON, of at most 50,000 characters',
}

function fresh(reply: FastifyReply, caching = 'no-store'): FastifyReply {
  return reply.header('cache-control', caching)
}

type ExportParameters = {
  readonly what: ReturnType<typeof word<(typeof EXPORT_SUBJECTS)[number]>>
  readonly format: ReturnType<typeof word<(typeof EXPORT_FORMATS)[number]>>
  readonly since: ReturnType<typeof optional<number>>
  readonly until: ReturnType<typeof optional<number>>
}

async function serveExport({
  context,
  request,
  reply,
  values,
  caller,
}: PlainAsked<ExportParameters>): Promise<FastifyReply> {
  const { exportHistory, clock } = context.deps
  if (exportHistory === undefined) return refuseWith(reply, notOffered('an export'))
  const { what, format } = values
  const untilSeconds = values.until ?? clock.nowSeconds()
  const sinceSeconds = values.since ?? untilSeconds - EXPORT_DAYS * SECONDS_PER_DAY
  if (sinceSeconds >= untilSeconds) {
    return refuseWith(reply, { code: 'BAD_PARAMETER', text: 'since must be before until' })
  }
  const days = `${stepLabel(sinceSeconds, false)}_${stepLabel(untilSeconds, false)}`
  const asFile = () =>
    fresh(reply)
      .type(CONTENT_TYPES[format])
      .header('content-disposition', `attachment; filename="${what}_${days}.${format}"`)
  if (request.method === 'HEAD') return asFile().send()
  const slot = context.exportSlots.take(caller.subject)
  if (!slot.ok) return refuseWith(reply, slot.refusal === 'held' ? EXPORTING : BUSY)
  let file: Readable
  try {
    file = await exportHistory({ what, format, sinceSeconds, untilSeconds })
  } catch (error) {
    slot.value()
    if (!isNotReady(error)) throw error
    return refuseWith(reply, notOffered('an export'))
  }
  file.once('close', slot.value)
  return sendExport(asFile(), file, context.deps.exportPatience ?? EXPORT_PATIENCE)
}

const NOT_READY_CODES: readonly string[] = ['DATABASE_UNREACHABLE', 'OBSERVATORY_EXPORT_UNAVAILABLE']

function isNotReady(error: unknown): boolean {
  return error instanceof AppError && NOT_READY_CODES.includes(error.code)
}

async function serveUsage({ context, reply, caller }: PlainAsked<Parameters>): Promise<FastifyReply> {
  const tiers = context.deps.tiers()
  const { key, tier } = caller
  if (key === undefined) {
    return refuseWith(reply, { code: 'UNAUTHORIZED', text: 'show an API key: Authorization: Bearer stoa_…' })
  }
  if (tiers === undefined) return refuseWith(reply, notOffered('usage'))
  const [subscription, days] = await Promise.all([
    tiers.subscription(key.id),
    tiers.usage(key.id, USAGE_DAYS_SHOWN),
  ])
  const { limit, remaining } = context.callers.look(caller)
  const body: UsageBody = {
    key,
    tier,
    requests_per_15_min: finiteOrNull(limit),
    remaining: finiteOrNull(remaining),
    subscription:
      subscription === undefined
        ? null
        : {
            tier: subscription.tier,
            state: subscription.state,
            paid_month: subscription.paidMonth ?? null,
          },
    days: days.map(({ day, requests }) => ({ day: stepLabel(day * SECONDS_PER_DAY, false), requests })),
  }
  return fresh(reply).send(body)
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
