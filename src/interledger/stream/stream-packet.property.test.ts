import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accepted } from '../../kernel/index.ts'
import { MAX_AMOUNT } from '../packet/index.ts'
import { fuzz } from '../packet/testing/index.ts'
import type { StreamFrame } from './frames.ts'
import { SEAL_BYTES, seal, unseal } from './keys.ts'
import { decodeStreamPacket, encodeStreamPacket } from './stream-packet.ts'
import { anyStreamPacket } from './testing/index.ts'

test('what was encoded is decoded again, whatever padding comes behind it', () => {
  fc.assert(
    fc.property(anyStreamPacket, fc.nat(64), (each, padding) => {
      const bytes = Buffer.concat([encodeStreamPacket(each), Buffer.alloc(padding)])
      expect(decodeStreamPacket(bytes)).toEqual(accepted(each))
    }),
    { numRuns: 500 },
  )
})

test('frames of unknown types are passed over', () => {
  const known: StreamFrame = { type: 'streamMoney', streamId: 1n, shares: 7n }
  const bytes = encodeStreamPacket({ ilpType: 'prepare', sequence: 5n, amount: 9n, frames: [known, known] })
  // Both frames have 6 bytes; the first becomes one of a type that nobody has given a meaning yet.
  bytes[bytes.length - 12] = 0x7e
  expect(decodeStreamPacket(bytes)).toMatchObject({ value: { frames: [known] } })
})

test('a maximum of more than 64 bits is read as the largest of 64 bits', () => {
  const content = Buffer.concat([
    Buffer.from([0x01, 0x01]),
    Buffer.from([0x09, ...Buffer.alloc(9, 1)]),
    Buffer.from([0x01, 0x00]),
  ])
  const bytes = Buffer.concat([Buffer.from([1, 12, 1, 1, 1, 0, 1, 1, 0x12, content.length]), content])
  expect(decodeStreamPacket(bytes)).toMatchObject({
    value: { frames: [{ type: 'streamMaxMoney', streamId: 1n, receiveMax: MAX_AMOUNT, totalReceived: 0n }] },
  })
})

const FUZZED_PACKETS = 100_000

test('damaged packets are decoded or refused with a text, and what is decoded can be encoded again', () => {
  const seed = 29
  const originals = fc
    .sample(anyStreamPacket, { numRuns: 400, seed })
    .map(encodeStreamPacket)
    .filter((bytes) => bytes.length < 1_000)
  const [decode, encode] = [decodeStreamPacket, encodeStreamPacket]
  const decoded = fuzz({ seed, inputs: FUZZED_PACKETS, originals, decode, encode })
  expect(decoded).toBeGreaterThan(FUZZED_PACKETS / 100)
  expect(decoded).toBeLessThan((FUZZED_PACKETS * 99) / 100)
})

test('what was sealed is opened by its key alone, and only unchanged', () => {
  const octets = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(octets, fc.nat(), (bytes, place) => {
      const key = randomBytes(32)
      const sealed = seal(key, bytes)
      expect(sealed.length).toBe(bytes.length + SEAL_BYTES)
      expect(unseal(key, sealed)).toEqual(bytes)
      expect(unseal(randomBytes(32), sealed)).toBeUndefined()
      sealed[place % sealed.length]! ^= 1
      expect(unseal(key, sealed)).toBeUndefined()
    }),
  )
})
