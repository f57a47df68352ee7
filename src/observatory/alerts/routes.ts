/** `/api/v1/stats/alerts` and `/api/v1/stats/webhooks`. */
import type { IncomingMessage } from 'node:http'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { Alerts } from './alerts.ts'
import {
  AlertHistoryShape,
  AlertListShape,
  AlertShape,
  ChangedWebhookShape,
  DeliveryShape,
  DoneShape,
  NewWebhookAnswerShape,
  WebhookListShape,
  WebhookShape,
} from './answer-shapes.ts'
import { historyBody, ruleBody, webhookBody } from './bodies.ts'
import { OPERATOR } from './rules.ts'
import {
  NewRuleShape,
  NewWebhookShape,
  RuleChangeShape,
  readerOf,
  ruleReaderOf,
  WebhookChangeShape,
} from './shapes.ts'

export interface AlertCaller {
  readonly pubkey: string
  /** False for an API key that was made to read only: it makes, changes, removes and tests nothing. */
  readonly mayChange: boolean
  /** May also ask for what the operator has set up, by `?owner=operator`. */
  readonly isOperator?: boolean
}

export interface AlertRoutesDeps {
  /** Undefined until the database is ready. */
  readonly alerts: () => Alerts | undefined
  /**
   * Who asks: NIP-98, a token or an API key. For what changes something it must also refuse a request that was carried
   * out before.
   */
  readonly identify: (request: FastifyRequest) => Promise<Outcome<AlertCaller, Refusal>>
  /** The client as limits count it; undefined when nobody knows. */
  readonly addressOf: (request: IncomingMessage) => string | undefined
}

export const ALERTS_PATH = '/api/v1/stats/alerts'
export const WEBHOOKS_PATH = '/api/v1/stats/webhooks'

const MAX_BODY_BYTES = 16 * 1024
/** Addresses whose rates are remembered. */
const MAX_RATED_ADDRESSES = 50_000
/** Requests of one address a minute: each may cost the check of a signature or a question to the database. */
const RATES = { read: 120, change: 30 } as const

const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ['UNAUTHORIZED', 401],
  ['TOKEN_INVALID', 401],
  ['NOT_ALLOWED', 403],
  ['NOT_FOUND', 404],
  ['LIMIT_REACHED', 409],
  ['RATE_LIMITED', 429],
  ['UNAVAILABLE', 503],
])

const READS_ONLY: Refusal = {
  code: 'NOT_ALLOWED',
  text: 'this API key may only read alerts and webhooks; what changes them takes one with the scope alerts:write, or your own key',
}

interface Asked<I> {
  readonly alerts: Alerts
  readonly owner: string
  readonly input: I
  /** Of the path; empty when it has none. */
  readonly id: string
  readonly request: FastifyRequest
}

/** Once it stands in a list, only its own functions know what its input is. */
export type AnyAlertRoute = AlertRoute<never>

interface AlertRoute<S extends TSchema> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly says: string
  /** Of the body; without one there is none. */
  readonly input?: S
  /** How it is read; `readerOf` when absent. */
  readonly read?: (value: unknown) => Outcome<Static<S>, string>
  readonly status?: 201
  /** Of the answer. */
  readonly output: TSchema
  readonly run: (asked: Asked<Static<S>>) => Promise<Outcome<unknown, Refusal>>
}

function route<S extends TSchema>(described: AlertRoute<S>): AnyAlertRoute {
  return described as unknown as AnyAlertRoute
}

/** Adds the routes, in a context of their own: bodies are read as bytes, since NIP-98 signs these. */
export function addAlertRoutes(app: FastifyInstance, deps: AlertRoutesDeps): void {
  void app.register(async (scope) => {
    await scope.register(rateLimit, {
      global: false,
      cache: MAX_RATED_ADDRESSES,
      keyGenerator: ({ raw }) => deps.addressOf(raw) ?? 'unknown',
      errorResponseBuilder: (_request, { after, max }) =>
        Object.assign(new Error(`more than ${max} requests a minute; try again in ${after}`), {
          statusCode: 429,
          code: 'RATE_LIMITED',
        }),
    })
    scope.setValidatorCompiler(() => () => true)
    scope.setSerializerCompiler(() => (value) => JSON.stringify(value))
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      (_request, body, done) => done(null, body),
    )
    for (const route of ALERT_ROUTES) add(scope, deps, route)
  })
}

const RULE_ROUTES: readonly AnyAlertRoute[] = [
  route({
    method: 'GET',
    url: ALERTS_PATH,
    says: 'Your alerts, the oldest first.',
    output: AlertListShape,
    run: async ({ alerts, owner }) => accepted({ alerts: (await alerts.rules.list(owner)).map(ruleBody) }),
  }),
  route({
    method: 'POST',
    url: ALERTS_PATH,
    says: 'Makes an alert.',
    output: AlertShape,
    input: NewRuleShape,
    read: ruleReaderOf(NewRuleShape),
    status: 201,
    run: async ({ alerts, owner, input }) =>
      mapped(await alerts.rules.create(owner, { ...input, ...paceOf(input) }), ruleBody),
  }),
  route({
    method: 'GET',
    url: `${ALERTS_PATH}/history`,
    says: 'What your alerts and webhooks did, the newest first: ?limit=, ?before= (a number), ?alert= (an id).',
    output: AlertHistoryShape,
    run: async ({ alerts, owner, request }) => {
      const page = pageOf(request)
      if (!page.ok) return page
      return accepted({ entries: (await alerts.history({ owner, ...page.value })).map(historyBody) })
    },
  }),
  route({
    method: 'GET',
    url: `${ALERTS_PATH}/:id`,
    says: 'One of your alerts.',
    output: AlertShape,
    run: async ({ alerts, owner, id }) => mapped(await alerts.rules.get(owner, id), ruleBody),
  }),
  route({
    method: 'PATCH',
    url: `${ALERTS_PATH}/:id`,
    says: 'Changes an alert, which then begins quietly.',
    output: AlertShape,
    input: RuleChangeShape,
    read: ruleReaderOf(RuleChangeShape),
    run: async ({ alerts, owner, id, input }) =>
      mapped(await alerts.rules.update(owner, id, { ...input, ...paceOf(input) }), ruleBody),
  }),
  route({
    method: 'DELETE',
    url: `${ALERTS_PATH}/:id`,
    says: 'Removes an alert.',
    output: DoneShape,
    run: async ({ alerts, owner, id }) => mapped(await alerts.rules.remove(owner, id), doneBody),
  }),
]

const WEBHOOK_ROUTES: readonly AnyAlertRoute[] = [
  route({
    method: 'GET',
    url: WEBHOOKS_PATH,
    says: 'Your webhooks, the oldest first.',
    output: WebhookListShape,
    run: async ({ alerts, owner }) =>
      accepted({ webhooks: (await alerts.webhooks.list(owner)).map(webhookBody) }),
  }),
  route({
    method: 'POST',
    url: WEBHOOKS_PATH,
    says: 'Makes a webhook. The answer holds its secret, which is shown this once.',
    output: NewWebhookAnswerShape,
    input: NewWebhookShape,
    status: 201,
    run: async ({ alerts, owner, input }) =>
      mapped(await alerts.webhooks.create(owner, input), ({ webhook, secret }) => ({
        ...webhookBody(webhook),
        secret,
      })),
  }),
  route({
    method: 'GET',
    url: `${WEBHOOKS_PATH}/:id`,
    says: 'One of your webhooks.',
    output: WebhookShape,
    run: async ({ alerts, owner, id }) => mapped(await alerts.webhooks.get(owner, id), webhookBody),
  }),
  route({
    method: 'PATCH',
    url: `${WEBHOOKS_PATH}/:id`,
    says: 'Changes a webhook, enables or disables it, or makes a new secret.',
    output: ChangedWebhookShape,
    input: WebhookChangeShape,
    run: async ({ alerts, owner, id, input }) => {
      const { url, topics, is_enabled: isEnabled, new_secret: newSecret } = input
      const changed = await alerts.webhooks.update(owner, id, { url, topics, isEnabled, newSecret })
      return mapped(changed, ({ webhook, secret }) => ({
        ...webhookBody(webhook),
        ...(secret !== undefined && { secret }),
      }))
    },
  }),
  route({
    method: 'DELETE',
    url: `${WEBHOOKS_PATH}/:id`,
    says: 'Removes a webhook, and what waits for it.',
    output: DoneShape,
    run: async ({ alerts, owner, id }) => mapped(await alerts.webhooks.remove(owner, id), doneBody),
  }),
  route({
    method: 'POST',
    url: `${WEBHOOKS_PATH}/:id/test`,
    says: 'Has a test sent to a webhook.',
    output: DeliveryShape,
    run: async ({ alerts, owner, id }) =>
      mapped(await alerts.webhooks.test(owner, id), (delivery) => ({ delivery })),
  }),
]

export const ALERT_ROUTES: readonly AnyAlertRoute[] = [...RULE_ROUTES, ...WEBHOOK_ROUTES]

function add<S extends TSchema>(
  scope: FastifyInstance,
  { alerts: alertsNow, identify }: AlertRoutesDeps,
  { method, url, input, read: ownRead, status, run }: AlertRoute<S>,
): void {
  const read = ownRead ?? (input === undefined ? undefined : readerOf(input))
  scope.route({
    method,
    url,
    config: { rateLimit: { max: method === 'GET' ? RATES.read : RATES.change, timeWindow: '1 minute' } },
    handler: async (request, reply) => {
      const caller = await identify(request)
      if (!caller.ok) return send(reply, caller)
      if (method !== 'GET' && !caller.value.mayChange) return send(reply, refused(READS_ONLY))
      const alerts = alertsNow()
      if (alerts === undefined) {
        return send(
          reply,
          refused({ code: 'UNAVAILABLE', text: 'alerts are not ready yet; try again in a moment' }),
        )
      }
      const owner = ownerOf(request, caller.value)
      if (!owner.ok) return send(reply, owner)
      const asked = read === undefined ? accepted(undefined) : parsed(request, read)
      if (!asked.ok) return send(reply, refused({ code: 'INVALID', text: asked.refusal }))
      const done = await run({
        alerts,
        owner: owner.value,
        // Where there is no schema of a body, nobody looks at it.
        input: asked.value as Static<S>,
        id: memberOf(request.params, 'id') ?? '',
        request,
      })
      return send(done.ok && status !== undefined ? reply.code(status) : reply, done)
    },
  })
}

function send(reply: FastifyReply, outcome: Outcome<unknown, Refusal>): FastifyReply {
  reply.header('cache-control', 'no-store')
  if (outcome.ok) return reply.send(outcome.value)
  const { code, text } = outcome.refusal
  return reply.code(STATUS_OF_CODE.get(code) ?? 400).send({ error: { code, message: text } })
}

function mapped<T>(outcome: Outcome<T, Refusal>, body: (value: T) => unknown): Outcome<unknown, Refusal> {
  return outcome.ok ? accepted(body(outcome.value)) : outcome
}

function doneBody() {
  return { done: true }
}

function paceOf(input: {
  readonly clear_after_seconds?: number
  readonly quiet_seconds?: number
  readonly is_paused?: boolean
}) {
  const { clear_after_seconds: clearAfterSeconds, quiet_seconds: quietSeconds, is_paused: isPaused } = input
  return {
    ...(clearAfterSeconds !== undefined && { clearAfterSeconds }),
    ...(quietSeconds !== undefined && { quietSeconds }),
    ...(isPaused !== undefined && { isPaused }),
  }
}

function ownerOf({ query }: FastifyRequest, { pubkey, isOperator }: AlertCaller): Outcome<string, Refusal> {
  const asked = memberOf(query, 'owner')
  if (asked === undefined || asked === pubkey) return accepted(pubkey)
  if (asked === OPERATOR && isOperator === true) return accepted(OPERATOR)
  return refused({ code: 'NOT_ALLOWED', text: 'these alerts are not yours' })
}

function parsed<T>(
  { body }: FastifyRequest,
  read: (value: unknown) => Outcome<T, string>,
): Outcome<T, string> {
  try {
    const text = Buffer.isBuffer(body) ? new TextDecoder('utf-8', { fatal: true }).decode(body) : ''
    return read(text === '' ? {} : JSON.parse(text))
  } catch {
    return refused('the body is not JSON')
  }
}

const MAX_LIMIT = 500

function pageOf({
  query,
}: FastifyRequest): Outcome<
  { readonly limit?: number; readonly before?: string; readonly rule?: string },
  Refusal
> {
  const [limit, before, rule] = ['limit', 'before', 'alert'].map((name) => memberOf(query, name))
  if (before !== undefined && !/^\d{1,18}$/.test(before)) {
    return refused({ code: 'INVALID', text: 'before must be the number of an entry' })
  }
  const wanted = limit === undefined ? undefined : Number(limit)
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_LIMIT)) {
    return refused({ code: 'INVALID', text: `limit must be a number from 1 to ${MAX_LIMIT}` })
  }
  return accepted({
    ...(wanted !== undefined && { limit: wanted }),
    ...(before !== undefined && { before }),
    ...(rule !== undefined && { rule }),
  })
}

function memberOf(value: unknown, name: string): string | undefined {
  const member: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  return typeof member === 'string' ? member : undefined
}
