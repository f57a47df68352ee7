/** The relay management API (NIP-86) from the side of somebody who may, or may not, use it. */
import { type HttpAnswer, httpRequest, httpUrlOf } from './http.ts'
import { authorizationOf, httpAuthEvent } from './http-auth.ts'
import { freshKey, type Key } from './keys.ts'
import { asObject, parseObject } from './nip11.ts'
import type { Need } from './row.ts'
import type { Trial } from './trial.ts'
import { check, fail } from './verdict.ts'

/** May manage the relays that rows start for themselves. */
const suiteAdmin = freshKey()

export const MANAGEMENT_TYPE = 'application/nostr+json+rpc'

/** A relay that the suite may manage. One without NIP-86 is taken as it is, for the row to skip. */
export const isManaged: Need = {
  relay: 'that the suite may manage (--admin-key, or a RelayControl with adminPubkeys)',
  isShown: (info, { hasAdminKey }) => !info.nips.has(86) || hasAdminKey,
  settings: { adminPubkeys: [suiteAdmin.pubkey] },
  isShared: true,
}

/** As `isManaged`, but always a relay of the row's own: what it changes would disturb others. */
export const isManagedAlone: Need = {
  ...isManaged,
  relay: 'that the suite may start and manage (a RelayControl with adminPubkeys)',
  isShown: (info) => !info.nips.has(86),
  isShared: false,
}

export function adminOf(t: Trial): Key {
  return t.relay === undefined ? (t.options.adminKey ?? fail('there is no key to manage with')) : suiteAdmin
}

export interface CallOptions {
  readonly key?: Key
  /** Replaces the whole `Authorization` header; null: none. */
  readonly authorization?: string | null
}

export interface CallAnswer extends HttpAnswer {
  readonly result: unknown
  readonly error: unknown
}

/** Calls a method; whatever the relay answers. */
export async function call(
  t: Trial,
  method: string,
  params: readonly unknown[] = [],
  { key, authorization }: CallOptions = {},
): Promise<CallAnswer> {
  const body = callBody(method, params)
  const auth =
    authorization === undefined ? authorizationOf(authFor(t, key ?? adminOf(t), body)) : authorization
  const headers = { 'content-type': MANAGEMENT_TYPE, ...(auth !== null && { authorization: auth }) }
  t.transcript.sent('http', `POST ${body}`)
  const answer = await httpRequest(t.url, { method: 'POST', headers, body, timeoutMs: t.options.answerMs })
  t.transcript.received('http', `${answer.status} ${answer.body}`)
  const { result, error } = parseObject(answer.body) ?? {}
  return { ...answer, result, error }
}

/** Calls a method that must succeed; its result. */
export async function manage(t: Trial, method: string, params: readonly unknown[] = []): Promise<unknown> {
  const { status, result, error, body } = await call(t, method, params)
  const isGood = status === 200 && result !== undefined && (error === undefined || error === null)
  check(isGood, `${method} was answered ${status} ${body.slice(0, 200)}`)
  return result
}

/** Calls a method that lists objects; the values of one of their members. */
export async function listed(t: Trial, method: string, member: string): Promise<readonly unknown[]> {
  const result = await manage(t, method)
  check(Array.isArray(result), `${method} must list something, got ${JSON.stringify(result)}`)
  return result.map((entry) => asObject(entry)?.[member])
}

export function callBody(method: string, params: readonly unknown[] = []): string {
  return JSON.stringify({ method, params })
}

/** A good authorization of this body for the relay. */
export function authFor(t: Trial, key: Key, body: string) {
  return httpAuthEvent(key, { method: 'POST', url: managementUrl(t), body })
}

/** The address as authorizations name it. */
export function managementUrl(t: Trial): string {
  return new URL(httpUrlOf(t.relayUrl)).href
}
