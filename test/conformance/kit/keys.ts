import { schnorr } from '@noble/curves/secp256k1.js'
import { xOnlyPointFromScalar } from 'tiny-secp256k1'

export interface Key {
  readonly secret: Uint8Array
  /** 32 bytes, lowercase hex. */
  readonly pubkey: string
}

/** @param secret 32 bytes. */
export function keyFromSecret(secret: Uint8Array): Key {
  return { secret, pubkey: Buffer.from(xOnlyPointFromScalar(secret)).toString('hex') }
}

/** A key that nobody used before: rows never share an author. */
export function freshKey(): Key {
  return keyFromSecret(schnorr.utils.randomSecretKey())
}

/** The key whose secret is the small number `n`, as the published vectors use them. */
export function numberedKey(n: number): Key {
  const secret = new Uint8Array(32)
  new DataView(secret.buffer).setUint32(28, n)
  return keyFromSecret(secret)
}
