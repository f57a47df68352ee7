/** `/api/v1/stats/subscription`: people see, make and end the subscriptions of their own API keys. */
import type { IncomingMessage } from 'node:http'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { accepted, type Outcome, type Refusal, refused } from '../../../kernel/index.ts'
import type { ApiPaths } from '../api-paths.ts'
import type { ApiTiers } from './api-tiers.ts'

/** Whoever asks, proved. */
export interface SubscriptionCaller {
  /** Keys that are proved or linked; the first pays for keys of an account. */
  readonly pubkeys: readonly string[]
  readonly accountId?: string
  /** The API key that it was asked with: it may look at itself, and spends nothing. */
  readonly apiKeyId?: string
}

/** An API key as accounts know it. */
export interface OwnedKey {
  readonly id: string
  readonly name: string
  readonly owner: { readonly accountId?: string; readonly pubkey?: string }
  /** Neither revoked nor expired. */
  readonly isLive: boolean
}

export interface SubscriptionRoutesDeps {
  /** Undefined until the database is ready. */
  readonly tiers: () => ApiTiers | undefined
  readonly findKey: (id: string) => Promise<OwnedKey | undefined>
  /** NIP-98, a token or an API key. For what changes something it must also refuse what was carried out before. */
  readonly identify: (request: FastifyRequest) => Promise<Outcome<SubscriptionCaller, Refusal>>
  /** The client as limits count it; undefined when nobody knows. */
  readonly addressOf: (request: IncomingMessage) => string | undefined
}

export const SUBSCRIPTION_PATH = '/api/v1/stats/subscription'

const MAX_BODY_BYTES = 4 * 1024
/** Addresses whose rates are remembered. */
const MAX_RATED_ADDRESSES = 50_000
/** Requests of one address a minute: each may cost the check of a signature or a question to the database. */
const RATES = { read: 120, change: 30 } as const
const KEY_ID = /^[0-9a-f]{16}$/

const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ['UNAUTHORIZED', 401],
  ['TOKEN_INVALID', 401],
  ['SHORT_FUNDS', 402],
  ['NOT_ALLOWED', 403],
  ['NOT_FOUND', 404],
  ['RATE_LIMITED', 429],
  ['UNAVAILABLE', 503],
])

const KeyId = Type.String({ pattern: KEY_ID.source, description: 'The id of an API key; not its text.' })
const WishShape = Type.Object(
  { key: KeyId, tier: Type.String({ minLength: 1, maxLength: 40 }) },
  { additionalProperties: false },
)
const isWish = Compile(WishShape)

interface Asked {
  readonly tiers: ApiTiers
  readonly key: OwnedKey
  /** Whose relay credit pays; undefined for an account that no key is linked to. */
  readonly payer: string | undefined
  /** In a POST. */
  readonly tier: string
}

interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly says: string
  readonly run: (asked: Asked) => Promise<Outcome<unknown, Refusal>>
}

const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    says: 'What one of your API keys may ask, and what it is subscribed to: ?key= its id.',
    run: async ({ tiers, key }) => {
      const [tier, subscription] = await Promise.all([tiers.tierOf(key.id), tiers.subscription(key.id)])
      return accepted({
        key: { id: key.id, name: key.name },
        tier: tier.name,
        requests_per_15_min: tier.requestsPer15Min,
        subscription:
          subscription === undefined
            ? null
            : {
                owner: subscription.owner,
                tier: subscription.tier,
                state: subscription.state,
                paid_tier: subscription.paidTier ?? null,
                paid_month: subscription.paidMonth ?? null,
              },
      })
    },
  },
  {
    method: 'POST',
    says: 'Subscribes one of your API keys to a tier: your relay credit pays this month, and each month from now on.',
    run: async ({ tiers, key, payer, tier }) => {
      if (!key.isLive) return refused({ code: 'NOT_FOUND', text: 'this key was revoked, or has expired' })
      if (payer === undefined)
        return refused({
          code: 'NOT_ALLOWED',
          text: 'link a Nostr key to your account first: its credit pays',
        })
      const subscribed = await tiers.subscribe(key.id, payer, tier)
      if (!subscribed.ok) return subscribed
      return accepted({ tier: subscribed.value.tier, from_month: subscribed.value.fromMonth })
    },
  },
  {
    method: 'DELETE',
    says: 'Ends the subscription of one of your API keys: ?key= its id. What was paid is had to the end of its month.',
    run: async ({ tiers, key }) => {
      const ended = await tiers.end(key.id)
      return ended.ok ? accepted({ done: true }) : ended
    },
  },
]

/** Adds the routes, in a context of their own: bodies are read as bytes, since NIP-98 signs these. */
export async function addSubscriptionRoutes(
  app: FastifyInstance,
  deps: SubscriptionRoutesDeps,
): Promise<void> {
  await app.register(async (scope) => {
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
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      (_request, body, done) => done(null, body),
    )
    for (const route of ROUTES) {
      scope.route({
        method: route.method,
        url: SUBSCRIPTION_PATH,
        config: {
          rateLimit: { max: route.method === 'GET' ? RATES.read : RATES.change, timeWindow: '1 minute' },
        },
        handler: async (request, reply) => send(reply, await carryOut(deps, route, request)),
      })
    }
  })
}

async function carryOut(
  { tiers: tiersNow, findKey, identify }: SubscriptionRoutesDeps,
  { method, run }: Route,
  request: FastifyRequest,
): Promise<Outcome<unknown, Refusal>> {
  const identified = await identify(request)
  if (!identified.ok) return identified
  const caller = identified.value
  if (method !== 'GET' && caller.apiKeyId !== undefined)
    return refused({ code: 'NOT_ALLOWED', text: 'an API key spends nothing: sign the request, or sign in' })
  const wish = method === 'POST' ? wishIn(request) : accepted({ key: keyIn(request, caller), tier: '' })
  if (!wish.ok) return wish
  const tiers = tiersNow()
  if (tiers === undefined)
    return refused({ code: 'UNAVAILABLE', text: 'tiers are not ready yet; try again in a moment' })
  const { key: id, tier } = wish.value
  if (id === undefined || !KEY_ID.test(id))
    return refused({
      code: 'INVALID',
      text: 'name one of your API keys by its id: ?key= and 16 hex characters',
    })
  const key = await findKey(id)
  // Of a key of somebody else nobody learns that it is there.
  if (key === undefined || !isTheirs(key, caller))
    return refused({ code: 'NOT_FOUND', text: 'you have no API key of this id' })
  return run({ tiers, key, payer: key.owner.pubkey ?? caller.pubkeys[0], tier })
}

function isTheirs({ id, owner }: OwnedKey, { pubkeys, accountId, apiKeyId }: SubscriptionCaller): boolean {
  if (apiKeyId !== undefined) return apiKeyId === id
  if (owner.accountId !== undefined) return owner.accountId === accountId
  return owner.pubkey !== undefined && pubkeys.includes(owner.pubkey)
}

/** An API key that names none means itself. */
function keyIn({ query }: FastifyRequest, { apiKeyId }: SubscriptionCaller): string | undefined {
  const named: unknown = typeof query === 'object' && query !== null ? Reflect.get(query, 'key') : undefined
  return typeof named === 'string' ? named : apiKeyId
}

function wishIn({ body }: FastifyRequest): Outcome<{ readonly key: string; readonly tier: string }, Refusal> {
  try {
    const text = Buffer.isBuffer(body) ? new TextDecoder('utf-8', { fatal: true }).decode(body) : ''
    const wish: unknown = JSON.parse(text)
    if (isWish.Check(wish)) return accepted(wish)
  } catch {
    // It is no JSON, which is refused as any other wrong body.
  }
  return refused({ code: 'INVALID', text: 'send {"key": the id of an API key, "tier": the name of a tier}' })
}

function send(reply: FastifyReply, outcome: Outcome<unknown, Refusal>): FastifyReply {
  reply.header('cache-control', 'no-store')
  if (outcome.ok) return reply.send(outcome.value)
  const { code, text } = outcome.refusal
  return reply.code(STATUS_OF_CODE.get(code) ?? 400).send({ error: { code, message: text } })
}

/** Members of `paths` of an OpenAPI document. */
export function subscriptionPaths(): ApiPaths {
  const operations = ROUTES.map(({ method, says }) => [
    method.toLowerCase(),
    {
      summary: says,
      operationId: `${method.toLowerCase()}StatsSubscription`,
      tags: ['API keys'],
      security: [{ nostr: [] }, { bearer: [] }],
      parameters:
        method === 'POST'
          ? []
          : [
              {
                name: 'key',
                in: 'query',
                required: method === 'DELETE',
                description: 'Its id.',
                schema: KeyId,
              },
            ],
      ...(method === 'POST' && {
        requestBody: { required: true, content: { 'application/json': { schema: WishShape } } },
      }),
      responses: {
        200: { description: 'Default Response' },
        '4XX': { description: 'A refusal; 402: your relay credit is too little.' },
      },
    },
  ])
  return { [SUBSCRIPTION_PATH]: Object.fromEntries(operations) }
}
