/**
 * Encryption of version 2 of NIP-44: ChaCha20 under keys of each message, authenticated by HMAC-SHA256, length hidden by
 * padding. Randomness is handed in; nothing here keeps a key.
 */
import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { isHex64 } from '../hex.ts'

/** Bytes of the random number that each message has of its own. */
export const NIP44_NONCE_BYTES = 32
/** Bytes of the longest plaintext. */
export const MAX_NIP44_PLAINTEXT_BYTES = 65_535

const VERSION = 2
const SALT = 'nip44-v2'
const MAC_BYTES = 32
const KEY_BYTES = 32
const MIN_PADDED_BYTES = 32
const LENGTH_BYTES = 2
const FIRST_CIPHERTEXT = 1 + NIP44_NONCE_BYTES
/** The shortest and the longest payload that NIP-44 knows, in characters of base64. */
const MIN_PAYLOAD_CHARACTERS = 132
const MAX_PAYLOAD_CHARACTERS = 87_472

/**
 * The key that two people share, the same from either side. Refused when one of the keys is none.
 *
 * @param publicKey 64 lowercase hex characters, x-only.
 */
export function conversationKeyOf(secretKey: Uint8Array, publicKey: string): Outcome<Uint8Array, string> {
  if (!isHex64(publicKey)) return refused('a public key is 64 lowercase hex characters')
  try {
    // Of an x-only key the point with the even y is meant (BIP-340); the x of the product is the same for both.
    const shared = secp256k1.getSharedSecret(secretKey, Buffer.from(`02${publicKey}`, 'hex'))
    return accepted(conversationKeyOfShared(shared.subarray(1)))
  } catch {
    // What noble throws may show the key.
    return refused('this is no pair of a secret key and a public key')
  }
}

/** The same out of what whoever holds the secret key has agreed on: the x coordinate of the product of both keys. */
export function conversationKeyOfShared(sharedX: Uint8Array): Uint8Array {
  return hmac(SALT, sharedX)
}

/**
 * The payload, as base64. Refused for a plaintext of no bytes or of more than `MAX_NIP44_PLAINTEXT_BYTES`.
 *
 * @param nonce 32 random bytes, never used before.
 */
export function encryptNip44(
  plaintext: string,
  conversationKey: Uint8Array,
  nonce: Uint8Array,
): Outcome<string, string> {
  const bytes = Buffer.from(plaintext)
  if (bytes.length < 1 || bytes.length > MAX_NIP44_PLAINTEXT_BYTES) {
    return refused(`a plaintext has 1 to ${MAX_NIP44_PLAINTEXT_BYTES} bytes, not ${bytes.length}`)
  }
  if (nonce.length !== NIP44_NONCE_BYTES || conversationKey.length !== KEY_BYTES) {
    return refused('a nonce and a conversation key have 32 bytes each')
  }
  const keys = messageKeysOf(conversationKey, nonce)
  const ciphertext = chacha20(padded(bytes), keys)
  const mac = hmac(keys.hmacKey, nonce, ciphertext)
  return accepted(Buffer.concat([Buffer.of(VERSION), nonce, ciphertext, mac]).toString('base64'))
}

/** What a payload holds. Refused when it is not of version 2, was altered, or is for another conversation. */
export function decryptNip44(payload: string, conversationKey: Uint8Array): Outcome<string, string> {
  if (payload.startsWith('#')) return refused('the encryption version is not known')
  if (payload.length < MIN_PAYLOAD_CHARACTERS || payload.length > MAX_PAYLOAD_CHARACTERS) {
    return refused(`a payload of ${payload.length} characters cannot be`)
  }
  const bytes = Buffer.from(payload, 'base64')
  // Node reads over what is no base64; only one text may stand for these bytes.
  if (bytes.toString('base64') !== payload) return refused('the payload is not base64')
  if (bytes[0] !== VERSION) return refused(`the encryption version ${bytes[0]} is not known`)
  const nonce = bytes.subarray(1, FIRST_CIPHERTEXT)
  const ciphertext = bytes.subarray(FIRST_CIPHERTEXT, -MAC_BYTES)
  const keys = messageKeysOf(conversationKey, nonce)
  if (!timingSafeEqual(hmac(keys.hmacKey, nonce, ciphertext), bytes.subarray(-MAC_BYTES))) {
    return refused('the payload was altered, or is for somebody else')
  }
  return unpadded(chacha20(ciphertext, keys))
}

/** What a plaintext of so many bytes is padded to, without the two bytes of its length. */
export function paddedLengthOf(plaintextBytes: number): number {
  if (plaintextBytes <= MIN_PADDED_BYTES) return MIN_PADDED_BYTES
  const nextPower = 2 ** (Math.floor(Math.log2(plaintextBytes - 1)) + 1)
  const chunk = nextPower <= 256 ? MIN_PADDED_BYTES : nextPower / 8
  return chunk * Math.ceil(plaintextBytes / chunk)
}

export interface Nip44MessageKeys {
  readonly chachaKey: Buffer
  readonly chachaNonce: Buffer
  readonly hmacKey: Buffer
}

/** The keys of one message: HKDF-Expand (RFC 5869) of the conversation key, named by the nonce. */
export function messageKeysOf(conversationKey: Uint8Array, nonce: Uint8Array): Nip44MessageKeys {
  const first = hmac(conversationKey, nonce, Buffer.of(1))
  const second = hmac(conversationKey, first, nonce, Buffer.of(2))
  const third = hmac(conversationKey, second, nonce, Buffer.of(3))
  const bytes = Buffer.concat([first, second, third])
  return {
    chachaKey: bytes.subarray(0, 32),
    chachaNonce: bytes.subarray(32, 44),
    hmacKey: bytes.subarray(44, 76),
  }
}

function hmac(key: Uint8Array | string, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** Encrypts and decrypts (RFC 8439, counting from 0). OpenSSL wants the counter, 4 bytes, before the nonce. */
function chacha20(bytes: Uint8Array, { chachaKey, chachaNonce }: Nip44MessageKeys): Buffer {
  const cipher = createCipheriv('chacha20', chachaKey, Buffer.concat([Buffer.alloc(4), chachaNonce]))
  return Buffer.concat([cipher.update(bytes), cipher.final()])
}

function padded(bytes: Buffer): Buffer {
  const whole = Buffer.alloc(LENGTH_BYTES + paddedLengthOf(bytes.length))
  whole.writeUInt16BE(bytes.length)
  bytes.copy(whole, LENGTH_BYTES)
  return whole
}

function unpadded(whole: Buffer): Outcome<string, string> {
  const length = whole.readUInt16BE()
  const bytes = whole.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
  if (length === 0 || bytes.length !== length || whole.length !== LENGTH_BYTES + paddedLengthOf(length)) {
    return refused('the padding is wrong')
  }
  return accepted(bytes.toString('utf8'))
}
