/** ECDSA keys over secp256k1 that are made in the token, sign there and cannot leave it. */
import { randomBytes } from 'node:crypto'
import { AppError } from '../../kernel/index.ts'
import { checkDigest, finishEcdsaSignature, parseEcdsaPoint } from '../ecdsa-signer.ts'
import type { EcdsaSigner } from '../signer.ts'
import { CKA, CKM, CKO, CKR } from './constants.ts'
import { failedWith } from './faults.ts'
import { keyOf, type TokenSession } from './session.ts'
import type { Token } from './token.ts'

const KEY_ID_BYTES = 16

/** DER of the object identifier 1.3.132.0.10 (SEC 2): secp256k1. */
const SECP256K1 = Buffer.from('06052b8104000a', 'hex')

/** A key in the token: what its file says of it. */
export interface TokenKey {
  /** What finds it in the token, lowercase hex. */
  readonly keyId: string
  /** 33 bytes, compressed, lowercase hex. */
  readonly publicKey: string
}

/** Makes a key in the token; undefined when it does not offer this curve. */
export async function createTokenKey(token: Token, purpose: string): Promise<TokenKey | undefined> {
  return token.run(async (session) => {
    if (!(await session.offers(CKM.EC_KEY_PAIR_GEN)) || !(await session.offers(CKM.ECDSA))) return undefined
    const keyId = randomBytes(KEY_ID_BYTES)
    try {
      await generate(session, keyId, Buffer.from(`stoa-${purpose}`))
    } catch (error) {
      if (failedWith(error, CKR.CURVE_NOT_SUPPORTED, CKR.DOMAIN_PARAMS_INVALID, CKR.ATTRIBUTE_VALUE_INVALID))
        return undefined
      throw error
    }
    const publicKey = await publicKeyIn(session, keyId)
    if (publicKey === undefined)
      throw new AppError(
        'SIGNER_FAILED',
        `The token ${token.label} has made a key that is no point of the curve.`,
        {
          facts: { tokenLabel: token.label },
        },
      )
    return { keyId: keyId.toString('hex'), publicKey }
  })
}

async function generate(session: TokenSession, keyId: Buffer, label: Buffer): Promise<void> {
  await session.generateKeyPair(
    { type: CKM.EC_KEY_PAIR_GEN },
    {
      publicKey: [
        [CKA.EC_PARAMS, SECP256K1],
        [CKA.TOKEN, true],
        [CKA.VERIFY, true],
        [CKA.ID, keyId],
        [CKA.LABEL, label],
      ],
      privateKey: [
        [CKA.TOKEN, true],
        [CKA.PRIVATE, true],
        [CKA.SENSITIVE, true],
        [CKA.EXTRACTABLE, false],
        [CKA.SIGN, true],
        [CKA.ID, keyId],
        [CKA.LABEL, label],
      ],
    },
  )
}

/**
 * The signer of a key in the token, which has to sign something first. Throws `SIGNER_LOCKED` when the token does not
 * hold the key, and `SIGNER_FAILED` when what it signs is not confirmed by `publicKey`.
 */
export async function openTokenKey(token: Token, { keyId, publicKey }: TokenKey): Promise<EcdsaSigner> {
  const id = Buffer.from(keyId, 'hex')
  const signer: EcdsaSigner = {
    publicKey,
    signDigest: async (digest) => {
      checkDigest(digest)
      const compact = await token.run(async (session) => {
        const key = await session.findKey(CKO.PRIVATE_KEY, id)
        return session.sign(key, { type: CKM.ECDSA }, Buffer.from(digest))
      })
      return finishEcdsaSignature({ compact, digest, publicKey })
    },
  }
  await signer.signDigest(randomBytes(32))
  return signer
}

/** Removes a key that nobody has been told of. */
export async function destroyTokenKey(token: Token, { keyId }: TokenKey): Promise<void> {
  await token.run(async (session) => {
    for (const keyClass of [CKO.PRIVATE_KEY, CKO.PUBLIC_KEY])
      await session.destroyAll(keyOf(keyClass, Buffer.from(keyId, 'hex')))
  })
}

async function publicKeyIn(session: TokenSession, keyId: Buffer): Promise<string | undefined> {
  const key = await session.findKey(CKO.PUBLIC_KEY, keyId)
  return parseEcdsaPoint(await session.attributeOf(key, CKA.EC_POINT))
}
