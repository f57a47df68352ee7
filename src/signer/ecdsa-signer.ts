import { secp256k1 } from '@noble/curves/secp256k1.js'
import { AppError } from '../kernel/index.ts'
import type { EcdsaSignature, EcdsaSigner } from './signer.ts'

const { Point, Signature } = secp256k1

/** DER of an octet string of 65 bytes: how PKCS#11 gives an uncompressed point. Some tokens leave it away. */
const DER_OF_POINT = Buffer.of(0x04, 65)

/** The compressed public key, lowercase hex; undefined when these bytes are no secret key. */
export function ecdsaPublicKeyOf(secretKey: Uint8Array): string | undefined {
  try {
    return Buffer.from(secp256k1.getPublicKey(secretKey, true)).toString('hex')
  } catch {
    // What noble throws here may show the key, so it goes nowhere.
    return undefined
  }
}

/** Signs in this process, as `createSchnorrSigner` does. */
export function createEcdsaSigner(secretKey: Uint8Array): EcdsaSigner {
  const publicKey = ecdsaPublicKeyOf(secretKey)
  if (publicKey === undefined) throw new AppError('SIGNER_KEY_INVALID', 'These bytes are no secret key.')
  const ownKey = Uint8Array.from(secretKey)
  return {
    publicKey,
    async signDigest(digest) {
      checkDigest(digest)
      const compact = secp256k1.sign(digest, ownKey, { prehash: false, lowS: true })
      return finishEcdsaSignature({ compact, digest, publicKey })
    },
  }
}

export function checkDigest(digest: Uint8Array): void {
  if (digest.length === 32) return
  throw new AppError('SIGNER_FAILED', `A digest to be signed has 32 bytes, not ${digest.length}.`)
}

/**
 * A signature from anywhere in the form that `signDigest` promises. It is thereby checked: only the right one recovers
 * the public key. Throws `SIGNER_FAILED` for another.
 */
export function finishEcdsaSignature(signed: {
  readonly compact: Uint8Array
  readonly digest: Uint8Array
  readonly publicKey: string
}): EcdsaSignature {
  const signature = lowS(signed.compact)
  for (const recovery of [0, 1] as const) {
    if (recoveredKey(signature, recovery, signed.digest) === signed.publicKey)
      return { compact: signature.toBytes('compact'), recovery }
  }
  throw new AppError(
    'SIGNER_FAILED',
    `What was signed is not confirmed by the public key ${signed.publicKey}.`,
    {
      facts: { publicKey: signed.publicKey },
    },
  )
}

/** Tokens choose either of the two values of s that fit; chains take the lower one only. */
function lowS(compact: Uint8Array): InstanceType<typeof Signature> {
  try {
    const signature = Signature.fromBytes(compact, 'compact')
    return signature.hasHighS() ? new Signature(signature.r, Point.Fn.neg(signature.s)) : signature
  } catch (cause) {
    throw new AppError('SIGNER_FAILED', `What came as a signature is none: ${compact.length} bytes.`, {
      cause,
    })
  }
}

function recoveredKey(
  signature: InstanceType<typeof Signature>,
  recovery: 0 | 1,
  digest: Uint8Array,
): string | undefined {
  try {
    return signature.addRecoveryBit(recovery).recoverPublicKey(digest).toHex(true)
  } catch {
    // There is no such point: it is the other one, or none.
    return undefined
  }
}

/** The compressed public key of a point as tokens give it; undefined when it is no point of the curve. */
export function parseEcdsaPoint(bytes: Uint8Array): string | undefined {
  const isWrapped = bytes.length === 67 && Buffer.from(bytes).subarray(0, 2).equals(DER_OF_POINT)
  try {
    return Point.fromBytes(isWrapped ? bytes.subarray(2) : bytes).toHex(true)
  } catch {
    return undefined
  }
}
