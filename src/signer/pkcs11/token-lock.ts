/**
 * The lock of key files that a token opens: an AES key that was made in it and cannot leave it encrypts the key of each
 * file. A token whose schemes lack what we sign with (BIP-340) guards keys so, and nobody opens a file without it.
 */
import { randomBytes } from 'node:crypto'
import { AppError } from '../../kernel/index.ts'
import type { TokenLock, WrapMechanism, WrappedKey } from '../key-file.ts'
import { CKA, CKK_AES, CKM, CKO, CKR } from './constants.ts'
import { failedWith } from './faults.ts'
import { gcmParameters } from './memory.ts'
import type { Mechanism, ObjectHandle, Template, TokenSession } from './session.ts'
import type { Token } from './token.ts'

/** What the AES key is called in the token, for whoever looks there. Files name it by its id, of 16 random bytes. */
const LABEL = 'stoa-key-files'
const KEY_ID_BYTES = 16

const IV_BYTES = { 'aes-gcm': 12, 'aes-cbc-pad': 16 } as const satisfies Record<WrapMechanism, number>

const MADE: Template = [
  [CKA.CLASS, CKO.SECRET_KEY],
  [CKA.KEY_TYPE, CKK_AES],
  [CKA.LABEL, Buffer.from(LABEL)],
  [CKA.SENSITIVE, true],
  [CKA.EXTRACTABLE, false],
]

/**
 * A key that was put into the token from outside, or that can be taken out of it, is none of ours. That a key was made in it
 * the token says itself: nobody can ask for it.
 */
const GUARDED: Template = [...MADE, [CKA.LOCAL, true]]

/**
 * @param mechanisms What may be used, best first; the first that the token offers is. The ciphertext is authenticated
 * by the key file around it in either case, so a token without GCM loses little.
 */
export function createTokenLock(
  token: Token,
  mechanisms: readonly WrapMechanism[] = ['aes-gcm', 'aes-cbc-pad'],
): TokenLock {
  return {
    by: 'token',
    wrap: (fileKey) =>
      token.run(async (session) => {
        const { key, keyId } = await wrappingKey(session)
        const name = await firstOffered(session, mechanisms, token.label)
        const iv = randomBytes(IV_BYTES[name])
        const ciphertext = await session.encrypt(key, mechanismOf(name, iv, session), Buffer.from(fileKey))
        // Read after the call: some tokens choose the IV themselves and write theirs over ours.
        const [ivHex, ciphertextHex] = [iv, ciphertext].map((bytes) => bytes.toString('hex')) as [
          string,
          string,
        ]
        return { keyId: keyId.toString('hex'), mechanism: name, iv: ivHex, ciphertext: ciphertextHex }
      }),
    unwrap: (wrapped) => token.run((session) => unwrap(session, wrapped)),
  }
}

async function unwrap(
  session: TokenSession,
  { keyId, mechanism, iv, ciphertext }: WrappedKey,
): Promise<Uint8Array | undefined> {
  const key = await session.findKey(CKO.SECRET_KEY, Buffer.from(keyId, 'hex'))
  const how = mechanismOf(mechanism, Buffer.from(iv, 'hex'), session)
  try {
    return await session.decrypt(key, how, Buffer.from(ciphertext, 'hex'))
  } catch (error) {
    // SoftHSM says the third of a tag or a padding that does not fit.
    if (failedWith(error, CKR.ENCRYPTED_DATA_INVALID, CKR.ENCRYPTED_DATA_LEN_RANGE, CKR.GENERAL_ERROR))
      return undefined
    throw error
  }
}

/** The AES key, made when there is none. Two processes may make one each in the same moment: files name theirs. */
async function wrappingKey(
  session: TokenSession,
): Promise<{ readonly key: ObjectHandle; readonly keyId: Buffer }> {
  const [existing] = await session.find(GUARDED)
  if (existing !== undefined) return { key: existing, keyId: await session.attributeOf(existing, CKA.ID) }
  const keyId = randomBytes(KEY_ID_BYTES)
  const key = await session.generateKey({ type: CKM.AES_KEY_GEN }, [
    ...MADE,
    [CKA.ID, keyId],
    [CKA.VALUE_LEN, 32],
    [CKA.TOKEN, true],
    [CKA.PRIVATE, true],
    [CKA.ENCRYPT, true],
    [CKA.DECRYPT, true],
    // With these it could be used to take other keys out of the token.
    [CKA.WRAP, false],
    [CKA.UNWRAP, false],
  ])
  return { key, keyId }
}

async function firstOffered(
  session: TokenSession,
  mechanisms: readonly WrapMechanism[],
  tokenLabel: string,
): Promise<WrapMechanism> {
  for (const name of mechanisms) if (await session.offers(TYPES[name])) return name
  throw new AppError(
    'SIGNER_TOKEN_FAILED',
    `The token ${tokenLabel} offers neither AES-GCM nor AES-CBC, so it cannot guard key files.`,
    { facts: { tokenLabel } },
  )
}

const TYPES = { 'aes-gcm': CKM.AES_GCM, 'aes-cbc-pad': CKM.AES_CBC_PAD } as const

function mechanismOf(name: WrapMechanism, iv: Buffer, session: TokenSession): Mechanism {
  const parameter = name === 'aes-gcm' ? gcmParameters(iv, (buffer) => session.addressOf(buffer)) : iv
  return { type: TYPES[name], parameter }
}
