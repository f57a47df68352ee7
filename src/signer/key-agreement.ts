import { secp256k1 } from '@noble/curves/secp256k1.js'
import { AppError } from '../kernel/index.ts'
import type { KeyAgreement } from './signer.ts'

const X_ONLY_KEY = /^[0-9a-f]{64}$/

/** Agrees in this process. The key is in a closure, as that of a signer. */
export function createKeyAgreement(secretKey: Uint8Array): KeyAgreement {
  const ownKey = Uint8Array.from(secretKey)
  return {
    async sharedSecretWith(publicKey) {
      if (!X_ONLY_KEY.test(publicKey)) throw noKey()
      try {
        // Of an x-only key the point with the even y is meant (BIP-340); the x of the product is the same for both.
        return secp256k1.getSharedSecret(ownKey, Buffer.from(`02${publicKey}`, 'hex')).subarray(1)
      } catch {
        // What noble throws may show the key.
        throw noKey()
      }
    },
  }
}

function noKey(): AppError {
  return new AppError('SIGNER_FAILED', 'Nothing can be agreed on with what is no public key.')
}
