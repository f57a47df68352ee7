/** Accounts in memory, with the answers of the real ones. */
import { accepted, type Refusal, refused } from '../../kernel/index.ts'
import type { SignatureVerifier } from '../../platform/index.ts'
import type { AccountsService, KeyOwner, SessionTokens } from '../accounts-service.ts'
import type { Actor, Operator } from '../operator.ts'
import type { Principal } from '../rights.ts'

export interface MemoryAccounts extends AccountsService {
  /** API keys by their texts. */
  readonly apiKeys: Map<string, Principal>
  readonly passwords: Map<string, string>
  /** Addresses that requests came from. */
  readonly seenFrom: string[]
  readonly linked: { readonly accountId: string; readonly pubkey: string; readonly by: Actor }[]
}

const WRONG: Refusal = { code: 'SIGN_IN_REFUSED', text: 'this is not right' }
const SIGNED_OUT: Refusal = { code: 'TOKEN_INVALID', text: 'you are not signed in, or not any more' }

export function createMemoryAccounts(
  { staff }: Pick<Operator, 'staff'>,
  verifier: Pick<SignatureVerifier, 'verify'>,
): MemoryAccounts {
  const passwords = new Map<string, string>()
  const unconfirmed = new Map<string, { readonly email: string; readonly password: string }>()
  const sessions = new Map<string, Principal>()
  const apiKeys = new Map<string, Principal>()
  const owned: { readonly id: string; readonly name: string; readonly owner: KeyOwner }[] = []
  const linked: MemoryAccounts['linked'] = []
  const seenFrom: string[] = []
  let count = 0
  const rolesOf = async (pubkey: string) => (await staff()?.rolesOf(pubkey)) ?? []
  const begin = (principal: Principal): SessionTokens => {
    const number = ++count
    sessions.set(`access-${number}`, principal)
    sessions.set(`refresh-${number}`, principal)
    const refreshExpiresAtSeconds = Math.floor(Date.now() / 1_000) + 3_600
    return {
      accessToken: `access-${number}`,
      accessExpiresAtSeconds: refreshExpiresAtSeconds - 3_000,
      refreshToken: `refresh-${number}`,
      refreshExpiresAtSeconds,
    }
  }
  return {
    apiKeys,
    passwords,
    seenFrom,
    linked,
    rolesOf,
    checkAccessToken: async (text) => {
      const principal = sessions.get(text)
      return principal === undefined ? refused(SIGNED_OUT) : accepted(principal)
    },
    checkApiKey: async (text) => {
      const principal = apiKeys.get(text)
      return principal === undefined ? refused(SIGNED_OUT) : accepted(principal)
    },
    signUp: async ({ email, password, from }) => {
      seenFrom.push(from)
      unconfirmed.set(`token-${email}`, { email, password })
      return accepted(undefined)
    },
    confirmEmail: async (token) => {
      const waiting = unconfirmed.get(token)
      if (waiting === undefined) return refused({ code: 'TOKEN_INVALID', text: 'this code is not good' })
      passwords.set(waiting.email, waiting.password)
      return accepted({ accountId: waiting.email })
    },
    signIn: async ({ email, password }) =>
      passwords.get(email) === password
        ? accepted(begin({ via: 'session', accountId: email, pubkeys: [], roles: [] }))
        : refused(WRONG),
    signInByHttpAuth: async ({ event: { pubkey } }) =>
      accepted(begin({ via: 'session', pubkeys: [pubkey], roles: await rolesOf(pubkey) })),
    refresh: async (token) => {
      const principal = sessions.get(token)
      if (principal === undefined) return refused(SIGNED_OUT)
      sessions.delete(token)
      return accepted(begin(principal))
    },
    signOut: async (token) => void sessions.delete(token),
    signOutEverywhere: async (owner) => {
      for (const [token, { accountId, pubkeys }] of sessions) {
        if (owner.accountId === undefined ? pubkeys[0] === owner.pubkey : accountId === owner.accountId) {
          sessions.delete(token)
        }
      }
    },
    linkKey: async ({ accountId, auth: { event } }, by) => {
      const { id, pubkey, sig } = event
      if (!verifier.verify(id, pubkey, sig)) return refused(WRONG)
      linked.push({ accountId, pubkey, by })
      return accepted({ pubkey })
    },
    unlinkKey: async ({ accountId, pubkey }) => {
      const index = linked.findIndex((link) => link.accountId === accountId && link.pubkey === pubkey)
      if (index === -1) return refused({ code: 'NOT_FOUND', text: 'this key is not linked to this account' })
      linked.splice(index, 1)
      return accepted(undefined)
    },
    listLinkedKeys: async (accountId) =>
      linked.flatMap((link) =>
        link.accountId === accountId ? [{ pubkey: link.pubkey, linkedAtSeconds: 0 }] : [],
      ),
    requestReset: async ({ from }) => {
      seenFrom.push(from)
      return accepted(undefined)
    },
    resetPassword: async ({ token, password }) => {
      if (!token.startsWith('reset-'))
        return refused({ code: 'TOKEN_INVALID', text: 'this code is not good' })
      passwords.set(token.slice('reset-'.length), password)
      return accepted(undefined)
    },
    createApiKey: async ({ owner, name, scopes }) => {
      const id = `key-${owned.length + 1}`
      owned.push({ id, name, owner })
      const { accountId, pubkey } = owner
      const pubkeys = pubkey === undefined ? [] : [pubkey]
      const roles = pubkey === undefined ? [] : await rolesOf(pubkey)
      apiKeys.set(`stoa_${id}`, {
        via: 'api-key',
        apiKey: { id, name },
        pubkeys,
        roles,
        scopes,
        ...(accountId !== undefined && { accountId }),
      })
      return accepted({ id, key: `stoa_${id}` })
    },
    revokeApiKey: async ({ id }) =>
      apiKeys.delete(`stoa_${id}`)
        ? accepted(undefined)
        : refused({ code: 'NOT_FOUND', text: 'there is no such key' }),
    listApiKeys: async (owner) =>
      owned.filter((key) => key.owner.accountId === owner.accountId && key.owner.pubkey === owner.pubkey),
  }
}
