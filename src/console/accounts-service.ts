/** What the routes under `/api/auth` need of accounts. `Accounts` of src/accounts is one. */
import type { UnverifiedHttpAuth } from '../nostr/index.ts'
import type { Credentials } from './identify.ts'
import type { Actor, Answer } from './operator.ts'

export interface SessionTokens {
  /** A short-lived JWT. */
  readonly accessToken: string
  readonly accessExpiresAtSeconds: number
  /** Good once. */
  readonly refreshToken: string
  readonly refreshExpiresAtSeconds: number
}

export interface PasswordCredentials {
  readonly email: string
  readonly password: string
  /** The client's IP address. */
  readonly from: string
}

/** Whose rights an API key has. */
export interface KeyOwner {
  readonly accountId?: string
  readonly pubkey?: string
}

export interface AccountsService extends Credentials {
  signUp(credentials: PasswordCredentials): Answer<unknown>
  confirmEmail(token: string): Answer<unknown>
  signIn(credentials: PasswordCredentials): Answer<SessionTokens>
  /** Checks the signature, and that the event was not used before. */
  signInByHttpAuth(auth: UnverifiedHttpAuth): Answer<SessionTokens>
  refresh(refreshToken: string): Answer<SessionTokens>
  signOut(refreshToken: string): Promise<void>
  signOutEverywhere(owner: KeyOwner): Promise<void>
  requestReset(request: { readonly email: string; readonly from: string }): Answer<unknown>
  resetPassword(reset: { readonly token: string; readonly password: string }): Answer<unknown>
  /** Links the key that signed the event, when its signature holds and it was not used before. */
  linkKey(
    link: { readonly accountId: string; readonly auth: UnverifiedHttpAuth },
    by: Actor,
  ): Answer<{ readonly pubkey: string }>
  unlinkKey(link: { readonly accountId: string; readonly pubkey: string }, by: Actor): Answer<unknown>
  listLinkedKeys(
    accountId: string,
  ): Promise<readonly { readonly pubkey: string; readonly linkedAtSeconds: number }[]>
  createApiKey(
    wanted: {
      readonly owner: KeyOwner
      readonly name: string
      readonly scopes: readonly string[]
      readonly rateTier: 'basic' | 'plus' | 'unlimited'
      readonly expiresAtSeconds?: number
    },
    by: Actor,
  ): Answer<{ readonly id: string; readonly key: string }>
  revokeApiKey(which: { readonly id: string; readonly owner: KeyOwner }, by: Actor): Answer<unknown>
  listApiKeys(owner: KeyOwner): Promise<readonly object[]>
}
