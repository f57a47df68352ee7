/**
 * `/api/auth/pubkeys`: the Nostr keys of an account. Linking takes two proofs in one request: the key signs it (NIP-98),
 * and its body, which that signature covers, names the session of the account. Neither of the two alone is enough, and
 * a signature that was made for one account links nothing to another.
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import { type AuthRoutesDeps, actorOf, addGet, addPost, inPerson, quietly } from './auth-route.ts'
import { readRequestAuth } from './identify.ts'
import { exactly, PubkeyText } from './schemas.ts'

const AccessToken = Type.String({
  minLength: 1,
  maxLength: 4_000,
  description: 'Of a session of the account: `accessToken` of `sign-in`.',
})

export function addLinkedKeyRoutes(app: FastifyInstance, deps: AuthRoutesDeps): void {
  addGet(app, deps, {
    path: 'pubkeys',
    says: 'The Nostr keys that are linked to your account, the oldest link first.',
    run: async (accounts, principal) => {
      const accountId = accountOf(principal)
      return accountId.ok ? accepted(await accounts.listLinkedKeys(accountId.value)) : accountId
    },
  })
  addPost(app, deps, {
    path: 'pubkeys/link',
    says: 'Links a key to your account: the key signs this request (NIP-98), the body names your session.',
    input: exactly({ accessToken: AccessToken }),
    security: [{ nostr: [] }],
    run: async ({ accounts, input, request }) => {
      const session = await accounts.checkAccessToken(input.accessToken)
      if (!session.ok) return session
      const accountId = accountOf(session.value)
      if (!accountId.ok) return accountId
      const auth = readRequestAuth(deps, request)
      if (!auth.ok) return auth
      const link = { accountId: accountId.value, auth: auth.value }
      return accounts.linkKey(link, actorOf(session.value))
    },
  })
  addPost(app, deps, {
    path: 'pubkeys/unlink',
    says: 'Takes a key off your account, and ends the sessions that it has opened. Your password stays a way in.',
    input: exactly({ pubkey: PubkeyText }),
    security: [{ bearer: [] }],
    run: async ({ accounts, input: { pubkey }, request }) => {
      const person = await inPerson(deps, request)
      if (!person.ok) return person
      const { owner, by } = person.value
      const accountId = accountOf(owner)
      return accountId.ok
        ? quietly(accounts.unlinkKey({ accountId: accountId.value, pubkey }, by))
        : accountId
    },
  })
}

function accountOf({ accountId }: { readonly accountId?: string }): Outcome<string, Refusal> {
  if (accountId !== undefined) return accepted(accountId)
  return refused({
    code: 'NOT_ALLOWED',
    text: 'keys are linked to an account: show the access token of a session that an account has opened',
  })
}
