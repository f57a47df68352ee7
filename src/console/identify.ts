/** Who sends a request, by its `Authorization` header: NIP-98, an access token, or an API key. */
import type { FastifyRequest } from 'fastify'
import { accepted, type Clock, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import { readHttpAuth, type UnverifiedHttpAuth } from '../nostr/index.ts'
import type { SignatureVerifier } from '../platform/index.ts'
import { bodyBytesOf } from './bodies.ts'
import { UNAVAILABLE } from './refusals.ts'
import { type KnownAs, requestUrls } from './request-urls.ts'
import type { Principal } from './rights.ts'

/** What accounts know of those who sign in. `Accounts` of src/accounts is one. */
export interface Credentials {
  rolesOf(pubkey: string): Promise<readonly string[]>
  checkAccessToken(text: string): Promise<Outcome<Principal, Refusal>>
  checkApiKey(text: string): Promise<Outcome<Principal, Refusal>>
}

export interface IdentifyDeps {
  readonly knownAs: () => KnownAs
  /** Undefined until the database is ready. */
  readonly credentials: () => Credentials | undefined
  readonly verifier: Pick<SignatureVerifier, 'verify'>
  /** Marks an event as used, for all processes; false when it was used before. */
  readonly claimOnce: (id: string, untilSeconds: number) => Promise<boolean>
  readonly clock: Clock
}

/** Somebody who proved who they are, but for one thing. */
export interface Identified {
  readonly principal: Principal
  /**
   * To be asked before something is changed: true when this very request was not carried out before. Who only reads may
   * do so again within the minute, and then sends the same event, since its time is in whole seconds.
   */
  claim(): Promise<boolean>
}

export type Identify = (request: FastifyRequest) => Promise<Outcome<Identified, Refusal>>

const API_KEY_PREFIX = 'stoa_'

export const REPLAYED: Refusal = {
  code: 'UNAUTHORIZED',
  text: 'this authorization was used before; sign a new one for each change',
}

export function createIdentify(deps: IdentifyDeps): Identify {
  return async (request) => {
    const { authorization = '' } = request.headers
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? []
    return token === undefined ? byHttpAuth(deps, request) : byToken(deps, token)
  }
}

/** The NIP-98 event of a request, compared with it; its signature is unchecked. */
export function readRequestAuth(
  { knownAs, clock }: Pick<IdentifyDeps, 'knownAs' | 'clock'>,
  request: FastifyRequest,
): Outcome<UnverifiedHttpAuth, Refusal> {
  const auth = readHttpAuth(request.headers.authorization, {
    method: request.method,
    urls: requestUrls(knownAs(), request.headers.host, request.url),
    allowsRelaySpelling: true,
    body: bodyBytesOf(request),
    nowSeconds: clock.nowSeconds(),
  })
  return auth.ok ? auth : unauthorized(auth.refusal)
}

async function byHttpAuth(
  deps: IdentifyDeps,
  request: FastifyRequest,
): Promise<Outcome<Identified, Refusal>> {
  const auth = readRequestAuth(deps, request)
  if (!auth.ok) return auth
  const { event, staleFromSeconds } = auth.value
  if (!deps.verifier.verify(event.id, event.pubkey, event.sig)) {
    return unauthorized('the signature of the event does not hold')
  }
  const credentials = deps.credentials()
  if (credentials === undefined) return refused(UNAVAILABLE)
  const { pubkey } = event
  const roles = await credentials.rolesOf(pubkey)
  return accepted({
    principal: { via: 'http-auth', pubkeys: [pubkey], roles },
    claim: () => deps.claimOnce(event.id, staleFromSeconds),
  })
}

async function byToken(deps: IdentifyDeps, token: string): Promise<Outcome<Identified, Refusal>> {
  const credentials = deps.credentials()
  if (credentials === undefined) return refused(UNAVAILABLE)
  const found = token.startsWith(API_KEY_PREFIX)
    ? await credentials.checkApiKey(token)
    : await credentials.checkAccessToken(token)
  return found.ok ? accepted({ principal: found.value, claim: async () => true }) : found
}

function unauthorized(text: string): { readonly ok: false; readonly refusal: Refusal } {
  return refused({ code: 'UNAUTHORIZED', text })
}
