import { type CryptoKey, errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../../kernel/index.ts'
import type { TokenKeys } from './token-keys.ts'

const ISSUER = 'stoa'
const TYPE = 'at+jwt'
const ALGORITHM = 'EdDSA'
/** Longer than any of ours; what is longer is not looked at. */
const MAX_TOKEN_CHARACTERS = 2_000

export interface AccessToken {
  readonly text: string
  readonly expiresAtSeconds: number
}

export interface AccessClaims {
  readonly sessionId: string
}

/** A short-lived JWT (RFC 9068) that names a session. What the session may do is looked up when it is shown. */
export async function makeAccessToken(
  keys: TokenKeys,
  clock: Clock,
  { subject, sessionId, lifetimeSeconds }: MakeAccessToken,
): Promise<AccessToken> {
  const { id, privateKey } = await keys.current()
  const nowSeconds = clock.nowSeconds()
  const expiresAtSeconds = nowSeconds + lifetimeSeconds
  const text = await new SignJWT({ sid: sessionId })
    .setProtectedHeader({ alg: ALGORITHM, kid: id, typ: TYPE })
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setSubject(subject)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(expiresAtSeconds)
    .sign(privateKey)
  return { text, expiresAtSeconds }
}

export interface MakeAccessToken {
  /** The account, or the key of a session without one. */
  readonly subject: string
  readonly sessionId: string
  readonly lifetimeSeconds: number
}

/** The session that a token names; undefined when it is not ours, not intact, or past. */
export async function readAccessToken(
  keys: TokenKeys,
  clock: Clock,
  text: string,
): Promise<AccessClaims | undefined> {
  if (text.length > MAX_TOKEN_CHARACTERS) return undefined
  try {
    const { payload } = await jwtVerify(text, (header) => keyFor(keys, header.kid), {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: ISSUER,
      typ: TYPE,
      currentDate: new Date(clock.nowMs()),
      requiredClaims: ['sub', 'exp', 'iat'],
    })
    return typeof payload.sid === 'string' ? { sessionId: payload.sid } : undefined
  } catch (error) {
    // What jose says against a token is our "no"; anything else (the database is away) is a fault.
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

async function keyFor(keys: TokenKeys, id: string | undefined): Promise<CryptoKey> {
  const key = id !== undefined && /^[0-9a-f]{16}$/.test(id) ? await keys.publicKeyOf(id) : undefined
  if (key === undefined) throw new errors.JWKSNoMatchingKey()
  return key
}
