import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { AppError, accepted, type Outcome, refused } from '../kernel/index.ts'
import type { SealRefusal, SecretBox } from './signer.ts'

/** More than anything that is worth sealing; a file is encrypted otherwise. */
export const MAX_SEALED_BYTES = 64 * 1024

const SECRET_BYTES = 32
const SALT_BYTES = 32
const TAG_BYTES = 16

/** Begins every sealed text, so that another way of sealing can be told from this one. */
const VERSION = 'seal1.'

/** Bytes of the longest sealed text, in base64url. */
const MAX_SEALED_CHARACTERS =
  VERSION.length + Math.ceil(((SALT_BYTES + MAX_SEALED_BYTES + TAG_BYTES) * 4) / 3)

/** A secret for any part of the program: 32 random bytes. */
export function randomSecret(): Buffer {
  return randomBytes(SECRET_BYTES)
}

/**
 * The secret stays in a closure. A sealed text has a key and an IV of its own, derived with 32 random bytes, so that no
 * number of texts wears the secret out (AES-GCM with one key and random IVs is good for 2^32 of them).
 */
export function createSecretBox(secret: Uint8Array): SecretBox {
  if (secret.length !== SECRET_BYTES)
    throw new AppError('SIGNER_KEY_INVALID', `A secret has ${SECRET_BYTES} bytes, not ${secret.length}.`)
  const ownSecret = Uint8Array.from(secret)

  function expand(salt: Uint8Array, info: string, bytes: number): Buffer {
    return Buffer.from(hkdfSync('sha256', ownSecret, salt, info, bytes))
  }

  /** Nothing that `derive` answers is ever the key of a sealed text: the salt there is empty, and here it is not. */
  function keyAndIv(salt: Uint8Array): readonly [key: Buffer, iv: Buffer] {
    const bytes = expand(salt, `stoa ${VERSION}`, 32 + 12)
    return [bytes.subarray(0, 32), bytes.subarray(32)]
  }

  return {
    derive: (info) => expand(new Uint8Array(0), info, 32),
    seal(plaintext, context) {
      if (plaintext.length > MAX_SEALED_BYTES) {
        throw new AppError(
          'SIGNER_FAILED',
          `${plaintext.length} bytes are to be sealed, and ${MAX_SEALED_BYTES} are the most.`,
        )
      }
      const salt = randomBytes(SALT_BYTES)
      const cipher = createCipheriv('aes-256-gcm', ...keyAndIv(salt))
      cipher.setAAD(Buffer.from(context))
      const parts = [salt, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
      return VERSION + Buffer.concat(parts).toString('base64url')
    },
    open(sealed, context) {
      const bytes = parseSealed(sealed)
      if (bytes === undefined) return MALFORMED
      const [salt, rest] = [bytes.subarray(0, SALT_BYTES), bytes.subarray(SALT_BYTES)]
      const decipher = createDecipheriv('aes-256-gcm', ...keyAndIv(salt), { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(context))
      decipher.setAuthTag(rest.subarray(-TAG_BYTES))
      const start = decipher.update(rest.subarray(0, -TAG_BYTES))
      try {
        return accepted(Buffer.concat([start, decipher.final()]))
      } catch {
        return REFUSED
      }
    },
  }
}

const MALFORMED: Outcome<never, SealRefusal> = refused({
  code: 'SEAL_MALFORMED',
  text: 'This is no sealed text, or one of a later version.',
})

const REFUSED: Outcome<never, SealRefusal> = refused({
  code: 'SEAL_REFUSED',
  text: 'This was sealed by another secret or for another place, or somebody has altered it.',
})

function parseSealed(sealed: string): Buffer | undefined {
  if (!sealed.startsWith(VERSION) || sealed.length > MAX_SEALED_CHARACTERS) return undefined
  const digits = sealed.slice(VERSION.length)
  const bytes = Buffer.from(digits, 'base64url')
  // Node reads over what is no digit; only one text may stand for these bytes.
  if (bytes.toString('base64url') !== digits || bytes.length < SALT_BYTES + TAG_BYTES) return undefined
  return bytes
}
