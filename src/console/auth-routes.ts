/**
 * `/api/auth/*`: signing up and in, and what people do with their own account. The access token is in the answer, for
 * the `Authorization` header; the refresh token is in a cookie that no script can read and no other site can have sent.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static, type TSchema } from 'typebox'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { AccountsService, KeyOwner, SessionTokens } from './accounts-service.ts'
import { parseBody } from './bodies.ts'
import { sendOutcome } from './dashboard.ts'
import { type Identified, type Identify, type IdentifyDeps, REPLAYED, readRequestAuth } from './identify.ts'
import type { Actor } from './operator.ts'
import { UNAVAILABLE } from './refusals.ts'
import type { Principal } from './rights.ts'
import { ErrorShape, exactly, oneOf, Seconds } from './schemas.ts'
import { bodyReader } from './shape.ts'

export interface AuthRoutesDeps extends Pick<IdentifyDeps, 'knownAs' | 'clock'> {
  readonly accounts: () => AccountsService | undefined
  readonly identify: Identify
  readonly addressOf: (request: FastifyRequest) => string
}

const COOKIE = 'stoa_refresh'
const COOKIE_PATH = '/api/auth'
/** Requests of one address a minute. Accounts count tries of a password more closely. */
const RATE = 30

const Email = Type.String({ minLength: 3, maxLength: 320 })
const Password = Type.String({ minLength: 1, maxLength: 1_000 })
const Token = Type.String({ minLength: 1, maxLength: 500 })
const Nothing = exactly({})

interface Asked<I> {
  readonly accounts: AccountsService
  readonly input: I
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

interface PostRoute<I extends TSchema> {
  readonly path: string
  readonly says: string
  readonly input: I
  readonly run: (asked: Asked<Static<I>>) => Promise<Outcome<unknown, Refusal>>
}

export function addAuthRoutes(app: FastifyInstance, deps: AuthRoutesDeps): void {
  addPasswordRoutes(app, deps)
  addSessionRoutes(app, deps)
  addOwnRoutes(app, deps)
}

function addPasswordRoutes(app: FastifyInstance, deps: AuthRoutesDeps): void {
  const from = deps.addressOf
  const credentials = exactly({ email: Email, password: Password })
  addPost(app, deps, {
    path: 'sign-up',
    says: 'Sends a mail to confirm the address. The answer does not tell whether it has an account.',
    input: credentials,
    run: ({ accounts, input, request }) => quietly(accounts.signUp({ ...input, from: from(request) })),
  })
  addPost(app, deps, {
    path: 'confirm',
    says: 'Makes the account of an address that was confirmed.',
    input: exactly({ token: Token }),
    run: ({ accounts, input }) => quietly(accounts.confirmEmail(input.token)),
  })
  addPost(app, deps, {
    path: 'reset',
    says: 'Sends a mail for a new password. The answer does not tell whether there is such an account.',
    input: exactly({ email: Email }),
    run: ({ accounts, input, request }) => quietly(accounts.requestReset({ ...input, from: from(request) })),
  })
  addPost(app, deps, {
    path: 'reset/confirm',
    says: 'Sets a new password and ends all sessions.',
    input: exactly({ token: Token, password: Password }),
    run: ({ accounts, input }) => quietly(accounts.resetPassword(input)),
  })
  addPost(app, deps, {
    path: 'sign-in',
    says: 'Signs in by a password. The refresh token comes in a cookie.',
    input: credentials,
    run: async ({ accounts, input, request, reply }) =>
      withCookie(deps, reply, await accounts.signIn({ ...input, from: from(request) })),
  })
}

function addSessionRoutes(app: FastifyInstance, deps: AuthRoutesDeps): void {
  addPost(app, deps, {
    path: 'nostr',
    says: 'Signs in by a Nostr key: `Authorization: Nostr …` (NIP-98).',
    input: Nothing,
    run: async ({ accounts, request, reply }) => {
      const auth = readRequestAuth(deps, request)
      return auth.ok ? withCookie(deps, reply, await accounts.signInByHttpAuth(auth.value)) : auth
    },
  })
  addPost(app, deps, {
    path: 'refresh',
    says: 'The next pair of tokens, by the cookie.',
    input: Nothing,
    run: async ({ accounts, request, reply }) => {
      const token = request.cookies[COOKIE]
      if (token === undefined) return refused({ code: 'TOKEN_INVALID', text: 'you are not signed in' })
      const outcome = await accounts.refresh(token)
      // Of two tabs that refresh in the same moment, the second must not lose the cookie that the first was given.
      if (!outcome.ok && outcome.refusal.code === 'TOKEN_INVALID') forgetCookie(reply)
      return withCookie(deps, reply, outcome)
    },
  })
  addPost(app, deps, {
    path: 'sign-out',
    says: 'Ends the session of the cookie.',
    input: Nothing,
    run: async ({ accounts, request, reply }) => {
      const token = request.cookies[COOKIE]
      if (token !== undefined) await accounts.signOut(token)
      forgetCookie(reply)
      return accepted({ done: true })
    },
  })
}

const ApiKeyWanted = exactly({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  scopes: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 20 }),
  rateTier: Type.Optional(oneOf(['basic', 'plus', 'unlimited'])),
  expiresAtSeconds: Type.Optional(Seconds),
})

function addOwnRoutes(app: FastifyInstance, deps: AuthRoutesDeps): void {
  addGet(app, deps, {
    path: 'me',
    says: 'Who asks, and what they are here.',
    run: async (_accounts, { via, pubkeys, roles, accountId, scopes }) =>
      accepted({ via, pubkeys, roles, accountId, scopes }),
  })
  addGet(app, deps, {
    path: 'keys',
    says: 'Your API keys, without their texts, which nobody has.',
    run: async (accounts, principal) => accepted(await accounts.listApiKeys(ownerOf(principal))),
  })
  addPost(app, deps, {
    path: 'keys/create',
    says: 'Makes an API key, which has your rights within its scopes. Its text is in this answer and nowhere else.',
    input: ApiKeyWanted,
    run: async ({ accounts, input: { rateTier = 'basic', ...wanted }, request }) => {
      const person = await inPerson(deps, request)
      if (!person.ok) return person
      const { owner, by } = person.value
      return accounts.createApiKey({ ...wanted, rateTier, owner }, by)
    },
  })
  addPost(app, deps, {
    path: 'keys/revoke',
    says: 'Makes one of your API keys worthless.',
    input: exactly({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
    run: async ({ accounts, input: { id }, request }) => {
      const person = await inPerson(deps, request)
      if (!person.ok) return person
      const { owner, by } = person.value
      return quietly(accounts.revokeApiKey({ id, owner }, by))
    },
  })
}

/** Whoever signs a request or has a session. An API key that could make others would outlive its being revoked. */
async function inPerson(
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
  const [pubkey] = principal.pubkeys
  const actor = pubkey ?? `account:${principal.accountId ?? 'unknown'}`
  return accepted({ owner: ownerOf(principal), by: { actor, role: principal.roles[0] ?? 'person' } })
}

function ownerOf({ accountId, pubkeys: [pubkey] }: Principal): KeyOwner {
  if (accountId !== undefined) return { accountId }
  return pubkey === undefined ? {} : { pubkey }
}

function addPost<I extends TSchema>(
  app: FastifyInstance,
  { accounts: accountsNow }: AuthRoutesDeps,
  { path, says, input, run }: PostRoute<I>,
): void {
  const read = bodyReader(input)
  app.post(
    `${COOKIE_PATH}/${path}`,
    {
      schema: { summary: says, tags: ['auth'], body: input, response: { '4xx': ErrorShape } },
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

interface GetRoute {
  readonly path: string
  readonly says: string
  readonly run: (accounts: AccountsService, principal: Principal) => Promise<Outcome<unknown, Refusal>>
}

function addGet(
  app: FastifyInstance,
  { accounts: accountsNow, identify }: AuthRoutesDeps,
  { path, says, run }: GetRoute,
): void {
  app.get(
    `${COOKIE_PATH}/${path}`,
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
async function quietly(answer: Promise<Outcome<unknown, Refusal>>): Promise<Outcome<unknown, Refusal>> {
  const outcome = await answer
  return outcome.ok ? accepted({ done: true }) : outcome
}

function withCookie(
  { knownAs }: AuthRoutesDeps,
  reply: FastifyReply,
  outcome: Outcome<SessionTokens, Refusal>,
): Outcome<unknown, Refusal> {
  if (!outcome.ok) return outcome
  const { refreshToken, refreshExpiresAtSeconds, accessToken, accessExpiresAtSeconds } = outcome.value
  reply.setCookie(COOKIE, refreshToken, {
    path: COOKIE_PATH,
    httpOnly: true,
    sameSite: 'strict',
    // Without a public URL it is a machine on its own, by plain HTTP, where a browser would not keep a secure cookie.
    secure: /^(wss|https):/.test(knownAs().publicUrl),
    expires: new Date(refreshExpiresAtSeconds * 1_000),
  })
  return accepted({ accessToken, accessExpiresAtSeconds })
}

function forgetCookie(reply: FastifyReply): void {
  reply.clearCookie(COOKIE, { path: COOKIE_PATH })
}
