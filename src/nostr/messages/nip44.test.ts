import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accepted } from '../../kernel/index.ts'
import {
  conversationKeyOf,
  decryptNip44,
  encryptNip44,
  messageKeysOf,
  NIP44_NONCE_BYTES,
  paddedLengthOf,
} from './nip44.ts'

interface Vectors {
  readonly v2: {
    readonly valid: {
      readonly get_conversation_key: readonly { sec1: string; pub2: string; conversation_key: string }[]
      readonly get_message_keys: {
        readonly conversation_key: string
        readonly keys: readonly {
          nonce: string
          chacha_key: string
          chacha_nonce: string
          hmac_key: string
        }[]
      }
      readonly calc_padded_len: readonly (readonly [number, number])[]
      readonly encrypt_decrypt: readonly {
        readonly sec1: string
        readonly sec2: string
        readonly conversation_key: string
        readonly nonce: string
        readonly plaintext: string
        readonly payload: string
      }[]
      readonly encrypt_decrypt_long_msg: readonly {
        readonly conversation_key: string
        readonly nonce: string
        readonly pattern: string
        readonly repeat: number
        readonly plaintext_sha256: string
        readonly payload_sha256: string
      }[]
    }
    readonly invalid: {
      readonly encrypt_msg_lengths: readonly number[]
      readonly get_conversation_key: readonly { sec1: string; pub2: string; note: string }[]
      readonly decrypt: readonly { conversation_key: string; payload: string; note: string }[]
    }
  }
}

/** NIP-44 names this checksum of its vectors. */
const CHECKSUM = '269ed0f69e4c192512cc779e78c555090cebc7c785b609e338a62afc3ce25040'
const bytes = readFileSync(new URL('../vectors/nip44.json', import.meta.url))
const { valid, invalid } = (JSON.parse(bytes.toString()) as Vectors).v2

const ofHex = (hex: string) => Buffer.from(hex, 'hex')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const keyOf = (secret: string, publicKey: string) => {
  const key = conversationKeyOf(ofHex(secret), publicKey)
  return key.ok ? Buffer.from(key.value).toString('hex') : key.refusal
}
const publicKeyOf = (secret: string) => Buffer.from(schnorr.getPublicKey(ofHex(secret))).toString('hex')

test('the vectors are those that NIP-44 names', () => {
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(CHECKSUM)
})

test.each(valid.get_conversation_key)('$sec1 and $pub2 share the key of the vectors', (vector) => {
  expect(keyOf(vector.sec1, vector.pub2)).toBe(vector.conversation_key)
})

test.each(invalid.get_conversation_key)('no key is shared when $note', ({ sec1, pub2 }) => {
  expect(conversationKeyOf(ofHex(sec1), pub2)).toMatchObject({ ok: false })
})

test.each(valid.get_message_keys.keys)('the nonce $nonce makes the keys of the vectors', (vector) => {
  const keys = messageKeysOf(ofHex(valid.get_message_keys.conversation_key), ofHex(vector.nonce))
  expect([keys.chachaKey, keys.chachaNonce, keys.hmacKey].map((key) => key.toString('hex'))).toEqual([
    vector.chacha_key,
    vector.chacha_nonce,
    vector.hmac_key,
  ])
})

test.each(valid.calc_padded_len)('%i bytes are padded to %i', (length, padded) => {
  expect(paddedLengthOf(length)).toBe(padded)
})

test.each(valid.encrypt_decrypt)('the payload of $plaintext is that of the vectors, either way', (vector) => {
  expect(keyOf(vector.sec1, publicKeyOf(vector.sec2))).toBe(vector.conversation_key)
  expect(keyOf(vector.sec2, publicKeyOf(vector.sec1))).toBe(vector.conversation_key)
  const key = ofHex(vector.conversation_key)
  expect(encryptNip44(vector.plaintext, key, ofHex(vector.nonce))).toEqual(accepted(vector.payload))
  expect(decryptNip44(vector.payload, key)).toEqual(accepted(vector.plaintext))
})

test.each(valid.encrypt_decrypt_long_msg)(
  '$repeat times a pattern has the checksums of the vectors',
  (vector) => {
    const plaintext = vector.pattern.repeat(vector.repeat)
    expect(sha256(plaintext)).toBe(vector.plaintext_sha256)
    const payload = encryptNip44(plaintext, ofHex(vector.conversation_key), ofHex(vector.nonce))
    expect(payload.ok && sha256(payload.value)).toBe(vector.payload_sha256)
  },
)

test.each(invalid.encrypt_msg_lengths)('a plaintext of %i bytes is refused', (length) => {
  const key = new Uint8Array(32).fill(7)
  // The vectors go up to the 4 GiB that a text of this machine cannot have.
  const plaintext = 'x'.repeat(Math.min(length, 2 ** 24))
  expect(encryptNip44(plaintext, key, key)).toMatchObject({ ok: false })
})

test.each(invalid.decrypt)('nothing is decrypted: $note', ({ conversation_key, payload }) => {
  expect(decryptNip44(payload, ofHex(conversation_key))).toMatchObject({ ok: false })
})

test('what was encrypted is decrypted, and one changed character refuses it', () => {
  const key = new Uint8Array(32).fill(7)
  const anyNonce = fc.uint8Array({ minLength: NIP44_NONCE_BYTES, maxLength: NIP44_NONCE_BYTES })
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 500 }),
      anyNonce,
      fc.nat(),
      (text, nonce, at) => {
        const payload = encryptNip44(text, key, nonce)
        if (!payload.ok) throw new Error(payload.refusal)
        expect(decryptNip44(payload.value, key)).toEqual(accepted(text))
        const place = at % (payload.value.length - 4)
        const other = payload.value[place] === 'A' ? 'B' : 'A'
        const altered = payload.value.slice(0, place) + other + payload.value.slice(place + 1)
        expect(decryptNip44(altered, key)).toMatchObject({ ok: false })
      },
    ),
    { numRuns: 200 },
  )
})
