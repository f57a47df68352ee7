import { schnorr } from '@noble/curves/secp256k1.js'
import { AppError } from '../kernel/index.ts'
import type { Signer } from './signer.ts'

/** 32 random bytes that are a secret key. */
export function randomSecretKey(): Uint8Array {
  return schnorr.utils.randomSecretKey()
}

/**
 * The x-only public key, lowercase hex; undefined when these bytes are no secret key, which must be 32 bytes that make
 * a number from 1 up to the order of the curve.
 */
export function publicKeyOf(secretKey: Uint8Array): string | undefined {
  try {
    return Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex')
  } catch {
    // What noble throws here may show the key, so it goes nowhere.
    return undefined
  }
}

/** Signs in this process. The key is in a closure, where neither a log nor an inspector of objects finds it. */
export function createSchnorrSigner(secretKey: Uint8Array): Signer {
  const publicKey = publicKeyOf(secretKey)
  if (publicKey === undefined) throw new AppError('SIGNER_KEY_INVALID', 'These bytes are no secret key.')
  const ownKey = Uint8Array.from(secretKey)
  return {
    publicKey,
    async signSchnorr(hash) {
      if (hash.length !== 32) {
        throw new AppError('SIGNER_FAILED', `A hash to be signed has 32 bytes, not ${hash.length}.`)
      }
      return schnorr.sign(hash, ownKey)
    },
  }
}
