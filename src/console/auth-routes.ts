/**
 * `/api/auth/*`: signing up and in, and what people do with their own account. The access token is in the answer, for
 * the `Authorization` header; the refresh token is in a cookie that no script can read and no other site can have sent.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import Type from 'typebox'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { SessionTokens } from './accounts-service.ts'
import { AUTH_PATH, type AuthRoutesDeps, addGet, addPost, inPerson, ownerOf, quietly } from './auth-route.ts'
import { readRequestAuth } from './identify.ts'
import { addLinkedKeyRoutes } from './linked-key-routes.ts'
import { exactly, oneOf, Seconds } from './schemas.ts'

const COOKIE = 'stoa_refresh'
const Email = Type.String({ minLength: 3, maxLength: 320 })
const Password = Type.String({ minLength: 1, maxLength: 1_000 })
const Token = Type.String({ minLength: 1, maxLength: 500 })
const Nothing = exactly({})

export function addAuthRoutes(app: FastifyInstance, deps: AuthRoutesDeps): void {
  addPasswordRoutes(app, deps)
  addSessionRoutes(app, deps)
  addOwnRoutes(app, deps)
  addLinkedKeyRoutes(app, deps)
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
  addPost(app, deps, {
    path: 'sign-out/everywhere',
    says: 'Ends all your sessions, on every device.',
    input: Nothing,
    run: async ({ accounts, request, reply }) => {
      const person = await inPerson(deps, request)
      if (!person.ok) return person
      await accounts.signOutEverywhere(person.value.owner)
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

function withCookie(
  { knownAs }: AuthRoutesDeps,
  reply: FastifyReply,
  outcome: Outcome<SessionTokens, Refusal>,
): Outcome<unknown, Refusal> {
  if (!outcome.ok) return outcome
  const { refreshToken, refreshExpiresAtSeconds, accessToken, accessExpiresAtSeconds } = outcome.value
  reply.setCookie(COOKIE, refreshToken, {
    path: AUTH_PATH,
    httpOnly: true,
    sameSite: 'strict',
    // Without a public URL it is a machine on its own, by plain HTTP, where a browser would not keep a secure cookie.
    secure: /^(wss|https):/.test(knownAs().publicUrl),
    expires: new Date(refreshExpiresAtSeconds * 1_000),
  })
  return accepted({ accessToken, accessExpiresAtSeconds })
}

function forgetCookie(reply: FastifyReply): void {
  reply.clearCookie(COOKIE, { path: AUTH_PATH })
}
