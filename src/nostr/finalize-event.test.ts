import { schnorr } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { computeEventId } from './canonical.ts'
import { finalizeEvent } from './finalize-event.ts'
import { parseEvent } from './parse-event.ts'
import { anyEvent } from './testing.ts'

const secretKey = schnorr.utils.randomSecretKey()
const publicKey = Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex')
const signer = { publicKey, signSchnorr: (hash: Uint8Array) => schnorr.sign(hash, secretKey) }
const template = { kind: 1, created_at: 1_700_000_000, tags: [['t', 'stoa']], content: 'hello' }

test('whatever is said, the event is well-formed, has its id, and its signature holds', async () => {
  await fc.assert(
    fc.asyncProperty(anyEvent, async ({ kind, created_at, tags, content }) => {
      const event = await finalizeEvent({ kind, created_at, tags, content }, signer)
      expect(parseEvent(event)).toEqual({ ok: true, value: event })
      expect(event).toMatchObject({
        kind,
        created_at,
        tags,
        content,
        pubkey: publicKey,
        id: computeEventId(event),
      })
      expect(
        schnorr.verify(
          Buffer.from(event.sig, 'hex'),
          Buffer.from(event.id, 'hex'),
          schnorr.getPublicKey(secretKey),
        ),
      ).toBe(true)
    }),
    { numRuns: 20 },
  )
})

test('a signer may take its time', async () => {
  const slow = { publicKey, signSchnorr: async (hash: Uint8Array) => signer.signSchnorr(hash) }
  expect(await finalizeEvent(template, slow)).toMatchObject({ ...template, pubkey: publicKey })
})

test('members that are not the template’s own do not get into the event', async () => {
  const more = { ...template, id: 'x', sig: 'y', pubkey: 'z', other: 1 }
  const event = await finalizeEvent(more, signer)
  expect(Object.keys(event).toSorted()).toEqual([
    'content',
    'created_at',
    'id',
    'kind',
    'pubkey',
    'sig',
    'tags',
  ])
  expect(event.pubkey).toBe(publicKey)
})

test.each([
  ['a lone surrogate', { content: '\ud800' }],
  ['an empty tag', { tags: [[]] }],
  ['a kind beyond the highest', { kind: 65536 }],
  ['a time with fractions', { created_at: 1.5 }],
])('%s is a fault, and the signer is not asked', async (_, members) => {
  let asked = 0
  const counting = {
    publicKey,
    signSchnorr: () => {
      asked += 1
      return new Uint8Array(64)
    },
  }
  await expect(finalizeEvent({ ...template, ...members }, counting)).rejects.toMatchObject({
    code: 'INTERNAL',
  })
  expect(asked).toBe(0)
})

test.each([0, 63, 65])('a signature of %d bytes is a fault of the signer', async (length) => {
  const broken = { publicKey, signSchnorr: () => new Uint8Array(length) }
  await expect(finalizeEvent(template, broken)).rejects.toMatchObject({ code: 'SIGNER_FAILED' })
})

test('a signer that fails fails the event', async () => {
  const failing = { publicKey, signSchnorr: () => Promise.reject(new Error('the token is gone')) }
  await expect(finalizeEvent(template, failing)).rejects.toThrow('the token is gone')
})
