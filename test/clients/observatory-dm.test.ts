import { schnorr } from '@noble/curves/secp256k1.js'
import { unwrapEvent } from 'nostr-tools/nip17'
import { generateSecretKey, getPublicKey, verifyEvent } from 'nostr-tools/pure'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/index.ts'
import type { NostrEvent } from '../../src/nostr/index.ts'
import { conversationKeyOf, directMessageRelays } from '../../src/nostr/messages/index.ts'
import { createDirectMessages } from '../../src/observatory/alerts/index.ts'

const observatory = generateSecretKey()
const reader = generateSecretKey()
const signer = {
  publicKey: getPublicKey(observatory),
  signSchnorr: (hash: Uint8Array) => schnorr.sign(hash, observatory),
}

interface Published {
  readonly event: NostrEvent
  readonly relays: readonly string[]
}

function sender(relays: readonly string[]) {
  const published: Published[] = []
  const send = createDirectMessages({
    signer,
    clock: systemClock,
    relaysOf: async () => relays,
    publish: async (event, to) => void published.push({ event, relays: to }),
    conversationKey: async (pubkey) => {
      const key = conversationKeyOf(observatory, pubkey)
      if (!key.ok) throw new Error(key.refusal)
      return key.value
    },
  })
  return { send, published }
}

/** As nostr-tools wants it: with lists that may be changed. */
function opened({ event }: Published) {
  const tags = event.tags.map((tag) => [...tag])
  expect(verifyEvent({ ...event, tags })).toBe(true)
  return unwrapEvent({ ...event, tags }, reader)
}

const message = {
  recipient: getPublicKey(reader),
  text: `Alert: many events\n\n🔔 ${'x'.repeat(3_000)}`,
  createdAtSeconds: 1_800_000_000,
}

test('nostr-tools finds the words of an alert in the gift wrap, by the key of the observatory', async () => {
  const { send, published } = sender([])
  await send(message)
  expect(published).toMatchObject([{ relays: [], event: { kind: 1059, tags: [['p', message.recipient]] } }])
  expect(opened(published[0]!)).toMatchObject({
    kind: 14,
    pubkey: signer.publicKey,
    content: message.text,
    created_at: message.createdAtSeconds,
    tags: [['p', message.recipient]],
  })
})

test('an alert that is sent twice is the same message to nostr-tools, in two wraps', async () => {
  const { send, published } = sender([])
  await send(message)
  await send(message)
  expect(new Set(published.map(({ event }) => event.pubkey)).size).toBe(2)
  expect(new Set(published.map((one) => opened(one).id)).size).toBe(1)
})

test('an alert goes to the relays that its reader wants direct messages at', async () => {
  const list = {
    tags: [
      ['relay', 'wss://inbox.example'],
      ['relay', 'wss://second.example'],
    ],
  }
  const { send, published } = sender(directMessageRelays(list))
  await send(message)
  expect(published.map(({ relays }) => relays)).toEqual([['wss://inbox.example', 'wss://second.example']])
})

test('an alert for who is no point of the curve is not sent', async () => {
  const { send, published } = sender([])
  await expect(send({ ...message, recipient: 'f'.repeat(64) })).rejects.toThrow()
  expect(published).toEqual([])
})
