/**
 * Who sends a request (RFC-0035, "Authentication"): a token that both sides know, or a JWT that is signed with a secret
 * that both know (HS256) and soon worth nothing.
 */
import { createHash } from 'node:crypto'
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../../kernel/index.ts'

/** Gives the token for the next request. */
export type Bearer = () => string | Promise<string>

export interface JwtOptions {
  /** At least 32 bytes. */
  readonly secret: Uint8Array
  /** What the other side calls us (`sub`). */
  readonly subject: string
  readonly clock: Clock
}

const JWT_LIFETIME_SECONDS = 300
/** A token is not used to its last second, since clocks differ. */
const JWT_RENEWAL_SECONDS = 60
const JWT_TOLERANCE_SECONDS = 5
const ALGORITHM = 'HS256'

/** A JWT of a few minutes, made anew before it ends. */
export function jwtBearer({ secret, subject, clock }: JwtOptions): Bearer {
  let token: Promise<string> | undefined
  let renewAtSeconds = 0
  return () => {
    const nowSeconds = clock.nowSeconds()
    if (token !== undefined && nowSeconds < renewAtSeconds) return token
    renewAtSeconds = nowSeconds + JWT_LIFETIME_SECONDS - JWT_RENEWAL_SECONDS
    token = new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(subject)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + JWT_LIFETIME_SECONDS)
      .sign(secret)
    return token
  }
}

export interface BearerCheckDeps {
  /** The peer whose token has this SHA-256 (hex). */
  readonly peerOfTokenHash: (hash: string) => string | undefined
  /** The secret that this peer signs JWTs with; undefined when there is no such peer, or it has none. */
  readonly jwtSecretOf: (peerId: string) => Uint8Array | undefined
  readonly clock: Clock
}

/** Whose token that is: a peer's id, undefined when nobody's (any more). */
export type BearerCheck = (token: string) => Promise<string | undefined>

export function createBearerCheck({ peerOfTokenHash, jwtSecretOf, clock }: BearerCheckDeps): BearerCheck {
  return async (token) => {
    const known = peerOfTokenHash(createHash('sha256').update(token).digest('hex'))
    if (known !== undefined) return known
    const peerId = subjectOf(token)
    const secret = peerId === undefined ? undefined : jwtSecretOf(peerId)
    if (secret === undefined) return undefined
    return (await isSigned(token, secret, clock)) ? peerId : undefined
  }
}

/** What a JWT says of itself, not looked at yet whether it is true. */
function subjectOf(token: string): string | undefined {
  try {
    return decodeJwt(token).sub
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}

async function isSigned(token: string, secret: Uint8Array, clock: Clock): Promise<boolean> {
  try {
    await jwtVerify(token, secret, {
      algorithms: [ALGORITHM],
      requiredClaims: ['exp'],
      clockTolerance: JWT_TOLERANCE_SECONDS,
      currentDate: new Date(clock.nowMs()),
    })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}
