/** What the routes under `/api/auth` have in common: how a request is read, who may ask, and how it is answered. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { AccountsService, KeyOwner } from './accounts-service.ts'
import { parseBody } from './bodies.ts'
import { sendOutcome } from './dashboard.ts'
import { type Identified, type Identify, type IdentifyDeps, REPLAYED } from './identify.ts'
import type { Actor } from './operator.ts'
import { UNAVAILABLE } from './refusals.ts'
import type { Principal } from './rights.ts'
import { ErrorShape } from './schemas.ts'
import { bodyReader } from './shape.ts'

export interface AuthRoutesDeps extends Pick<IdentifyDeps, 'knownAs' | 'clock'> {
  readonly accounts: () => AccountsService | undefined
  readonly identify: Identify
  readonly addressOf: (request: FastifyRequest) => string
}

export const AUTH_PATH = '/api/auth'
/** Requests of one address a minute. Accounts count tries of a password more closely. */
const RATE = 30

export interface Asked<I> {
  readonly accounts: AccountsService
  readonly input: I
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export interface PostRoute<I extends TSchema> {
  readonly path: string
  readonly says: string
  readonly input: I
  /** How the documentation says that somebody proves who they are; absent: this route is for anybody. */
  readonly security?: readonly Readonly<Record<string, string[]>>[]
  readonly run: (asked: Asked<Static<I>>) => Promise<Outcome<unknown, Refusal>>
}

/** Whoever signs a request or has a session. An API key that could make others would outlive its being revoked. */
export async function inPerson(
  { identify }: AuthRoutesDeps,
  request: FastifyRequest,
): Promise<Outcome<{ readonly owner: KeyOwner; readonly by: Actor }, Refusal>> {
  const identified = await identify(request)
  if (!identified.ok) return identified
  const { principal, claim }: Identified = identified.value
  if (principal.via === 'api-key') {
    return refused({ code: 'NOT_ALLOWED', text: 'sign in or sign the request: an API key cannot do this' })
  }
  if (!(await claim())) return refused(REPLAYED)
  return accepted({ owner: ownerOf(principal), by: actorOf(principal) })
}

/** Somebody who does something with what is theirs, as the audit log names them. */
export function actorOf({ pubkeys: [pubkey], accountId, roles }: Principal): Actor {
  return { actor: pubkey ?? `account:${accountId ?? 'unknown'}`, role: roles[0] ?? 'person' }
}

export function ownerOf({ accountId, pubkeys: [pubkey] }: Principal): KeyOwner {
  if (accountId !== undefined) return { accountId }
  return pubkey === undefined ? {} : { pubkey }
}

export function addPost<I extends TSchema>(
  app: FastifyInstance,
  { accounts: accountsNow }: AuthRoutesDeps,
  { path, says, input, security, run }: PostRoute<I>,
): void {
  const read = bodyReader(input)
  app.post(
    `${AUTH_PATH}/${path}`,
    {
      schema: {
        summary: says,
        tags: ['auth'],
        body: input,
        response: { '4xx': ErrorShape },
        ...(security !== undefined && { security: [...security] }),
      },
      config: { rateLimit: { max: RATE, timeWindow: '1 minute' } },
    },
    async (request, reply) => {
      const body = parseBody(request)
      const asked = body.ok ? read(body.value) : body
      if (!asked.ok) return sendOutcome(reply, refused({ code: 'INVALID', text: asked.refusal }))
      const accounts = accountsNow()
      if (accounts === undefined) return sendOutcome(reply, refused(UNAVAILABLE))
      return sendOutcome(reply, await run({ accounts, input: asked.value, request, reply }))
    },
  )
}

export interface GetRoute {
  readonly path: string
  readonly says: string
  readonly run: (accounts: AccountsService, principal: Principal) => Promise<Outcome<unknown, Refusal>>
}

export function addGet(
  app: FastifyInstance,
  { accounts: accountsNow, identify }: AuthRoutesDeps,
  { path, says, run }: GetRoute,
): void {
  app.get(
    `${AUTH_PATH}/${path}`,
    {
      schema: { summary: says, tags: ['auth'], security: [{ nostr: [] }, { bearer: [] }] },
      config: { rateLimit: { max: RATE * 4, timeWindow: '1 minute' } },
    },
    async (request, reply) => {
      const accounts = accountsNow()
      if (accounts === undefined) return sendOutcome(reply, refused(UNAVAILABLE))
      const identified = await identify(request)
      if (!identified.ok) return sendOutcome(reply, identified)
      return sendOutcome(reply, await run(accounts, identified.value.principal))
    },
  )
}

/** What was made stays inside: the answer says only that it was done. */
export async function quietly(
  answer: Promise<Outcome<unknown, Refusal>>,
): Promise<Outcome<unknown, Refusal>> {
  const outcome = await answer
  return outcome.ok ? accepted({ done: true }) : outcome
}
