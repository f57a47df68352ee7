import { schnorr } from '@noble/curves/secp256k1.js'
import { expect, test } from 'vitest'
import { computeEventId, encodeEvent } from '../src/nostr/index.ts'
import { createRandom, createZipf } from './dataset/random.ts'
import { createNativeSigner, createNobleSigner, createSigner } from './dataset/signer.ts'
import { syntheticEvents } from './dataset/synthetic.ts'

const OPTIONS = { seed: 'test', count: 400, profile: 'square', endsAtSeconds: 1_700_000_000 } as const
const signer = createSigner()
const events = [...syntheticEvents(OPTIONS, signer)]

test('a seed decides every byte', () => {
  const again = [...syntheticEvents(OPTIONS, signer)]
  expect(again.map(encodeEvent)).toEqual(events.map(encodeEvent))
})

test('another seed gives other events', () => {
  const ids = new Set(events.map(({ id }) => id))
  const others = [...syntheticEvents({ ...OPTIONS, seed: 'other' }, signer)]
  expect(others.filter(({ id }) => ids.has(id))).toEqual([])
})

test('every event has its id and a valid signature', () => {
  for (const event of events) expect(computeEventId(event)).toBe(event.id)
  for (const event of events.slice(0, 25)) {
    expect(schnorr.verify(hex(event.sig), hex(event.id), hex(event.pubkey)), event.id).toBe(true)
  }
})

test('created_at lies in the 30 days before the end and mostly rises', () => {
  const times = events.map((event) => event.created_at)
  const rises = times.filter((time, index) => index === 0 || time >= times[index - 1]!).length
  expect(Math.min(...times)).toBeGreaterThanOrEqual(OPTIONS.endsAtSeconds - 30 * 86_400)
  expect(Math.max(...times)).toBeLessThanOrEqual(OPTIONS.endsAtSeconds)
  expect(rises).toBeGreaterThan(0.9 * times.length)
})

test('three in five events are notes, and replies point at events that came before', () => {
  const seen = new Set<string>()
  for (const event of events) {
    for (const [name, value] of event.tags) if (name === 'e') expect(seen).toContain(value)
    seen.add(event.id)
  }
  expect(events.filter(({ kind }) => kind === 1).length / events.length).toBeCloseTo(0.61, 1)
})

test('the native signer and noble agree byte for byte', ({ skip }) => {
  const native = createNativeSigner()
  if (native === undefined) {
    console.warn('libsecp256k1 is not installed: the signers were not compared.')
    return skip()
  }
  const noble = createNobleSigner()
  for (const { id } of events.slice(0, 5)) {
    const secretKey = hex(id)
    expect(hexOf(native.publicKey(secretKey))).toBe(hexOf(noble.publicKey(secretKey)))
    expect(hexOf(native.sign(hex(id), secretKey))).toBe(hexOf(noble.sign(hex(id), secretKey)))
  }
})

test("Zipf's law: the first rank comes up as often as 1 over the harmonic number says", () => {
  const draw = createZipf(100, 1, createRandom('zipf'))
  const draws = Array.from({ length: 20_000 }, draw)
  const harmonic = Array.from({ length: 100 }, (_, rank) => 1 / (rank + 1)).reduce(
    (sum, share) => sum + share,
  )
  expect(draws.filter((rank) => rank === 0).length / draws.length).toBeCloseTo(1 / harmonic, 2)
  expect(Math.max(...draws)).toBe(99)
})

function hex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
