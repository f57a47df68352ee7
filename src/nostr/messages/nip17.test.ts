import { randomBytes } from 'node:crypto'
import { schnorr } from '@noble/curves/secp256k1.js'
import { expect, test } from 'vitest'
import { computeEventId } from '../canonical.ts'
import type { NostrEvent } from '../event.ts'
import { testEvent } from '../testing.ts'
import {
  CHAT_MESSAGE_KIND,
  directMessageRelays,
  isPublicKey,
  MAX_DIRECT_MESSAGE_RELAYS,
  MAX_WRAP_AGE_SECONDS,
  wrapDirectMessage,
} from './nip17.ts'
import { conversationKeyOf, decryptNip44 } from './nip44.ts'

const NOW = 1_800_000_000

function person() {
  const secretKey = schnorr.utils.randomSecretKey()
  const publicKey = Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex')
  return { secretKey, publicKey, signSchnorr: (hash: Uint8Array) => schnorr.sign(hash, secretKey) }
}

const alice = person()
const bob = person()

function sharedKey(mine: Uint8Array, theirs: string): Uint8Array {
  const key = conversationKeyOf(mine, theirs)
  if (!key.ok) throw new Error(key.refusal)
  return key.value
}

function opened(payload: string, reader: Uint8Array, author: string): NostrEvent {
  const text = decryptNip44(payload, sharedKey(reader, author))
  if (!text.ok) throw new Error(text.refusal)
  return JSON.parse(text.value)
}

const wrapped = (text: string) =>
  wrapDirectMessage(
    { text, recipient: bob.publicKey, createdAtSeconds: NOW },
    {
      signer: alice,
      conversationKey: sharedKey(alice.secretKey, bob.publicKey),
      nowSeconds: NOW,
      randomBytes,
    },
  )

test('the recipient finds a seal signed by the author in the wrap, and an unsigned message of the same author in the seal', async () => {
  const wrap = await wrapped('hello')
  expect(wrap).toMatchObject({ kind: 1059, tags: [['p', bob.publicKey]] })
  expect(wrap.pubkey).not.toBe(alice.publicKey)
  const seal = opened(wrap.content, bob.secretKey, wrap.pubkey)
  expect(seal).toMatchObject({ kind: 13, pubkey: alice.publicKey, tags: [] })
  expect(
    schnorr.verify(
      Buffer.from(seal.sig, 'hex'),
      Buffer.from(seal.id, 'hex'),
      Buffer.from(seal.pubkey, 'hex'),
    ),
  ).toBe(true)
  const message = opened(seal.content, bob.secretKey, seal.pubkey)
  expect(message).toEqual({
    id: computeEventId(message),
    pubkey: alice.publicKey,
    kind: CHAT_MESSAGE_KIND,
    created_at: NOW,
    tags: [['p', bob.publicKey]],
    content: 'hello',
  })
})

test('wrapped twice, a message is the same message under two keys, dated within the two days before', async () => {
  const [first, second] = [await wrapped('again'), await wrapped('again')]
  expect(first.pubkey).not.toBe(second.pubkey)
  const ids = [first, second].map((wrap) => {
    const seal = opened(wrap.content, bob.secretKey, wrap.pubkey)
    for (const { created_at } of [wrap, seal]) {
      expect(created_at).toBeLessThanOrEqual(NOW)
      expect(created_at).toBeGreaterThan(NOW - MAX_WRAP_AGE_SECONDS)
    }
    return opened(seal.content, bob.secretKey, seal.pubkey).id
  })
  expect(ids[0]).toBe(ids[1])
})

test('of a list of relays for direct messages the first few that are relays count, each once', () => {
  const many = Array.from({ length: 9 }, (_, n) => ['relay', `wss://${n}.example`])
  const tags = [['relay', 'http://no.example'], ['p', 'x'], ['relay'], ['relay', 'wss://0.example'], ...many]
  const relays = directMessageRelays(testEvent({ kind: 10050, tags }))
  expect(relays).toHaveLength(MAX_DIRECT_MESSAGE_RELAYS)
  expect(relays.slice(0, 2)).toEqual(['wss://0.example', 'wss://1.example'])
})

test('a key that is no point of the curve is nobody', () => {
  expect(isPublicKey(bob.publicKey)).toBe(true)
  expect(isPublicKey('f'.repeat(64))).toBe(false)
  expect(isPublicKey('xyz')).toBe(false)
})
