import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeIlpPacket,
  decodePreparePacket,
  decodeReplyPacket,
  encodeIlpPacket,
  type IlpPacket,
  MAX_DATA_BYTES,
} from './ilp-packet.ts'
import { anyFulfill, anyPrepare, anyReject, fuzz } from './testing/index.ts'

const anyPacket: fc.Arbitrary<IlpPacket> = fc.oneof(anyPrepare, anyFulfill, anyReject)
const FUZZED_INPUTS = 1_000_000
/** Eight seconds on two busy cores; a machine that has more to do must not fail it. */
const PATIENCE_MS = 120_000

test('what is encoded is decoded as the same packet, also with bytes behind it', () => {
  fc.assert(
    fc.property(anyPacket, fc.uint8Array({ maxLength: 4 }), (packet, behind) => {
      const bytes = encodeIlpPacket(packet)
      const read = decodeIlpPacket(Buffer.concat([bytes, behind]))
      // `toEqual` walks through large buffers byte by byte.
      if (!isDeepStrictEqual(read, { ok: true, value: packet }))
        expect(read).toEqual({ ok: true, value: packet })
    }),
    { numRuns: 2_000 },
  )
})

test('a packet that is cut short anywhere is refused', () => {
  fc.assert(
    fc.property(anyPacket, fc.nat(), (packet, place) => {
      const bytes = encodeIlpPacket(packet)
      expect(decodeIlpPacket(bytes.subarray(0, place % bytes.length)).ok).toBe(false)
    }),
    { numRuns: 2_000 },
  )
})

test('a Prepare is no answer, and an answer is no Prepare', () => {
  fc.assert(
    fc.property(anyPacket, (packet) => {
      const bytes = encodeIlpPacket(packet)
      expect(decodePreparePacket(bytes).ok).toBe(packet.type === 'prepare')
      expect(decodeReplyPacket(bytes).ok).toBe(packet.type !== 'prepare')
    }),
  )
})

test('data of more than 32,767 bytes is refused', () => {
  const packet: IlpPacket = {
    type: 'fulfill',
    fulfillment: Buffer.alloc(32),
    data: Buffer.alloc(MAX_DATA_BYTES),
  }
  expect(decodeIlpPacket(encodeIlpPacket(packet)).ok).toBe(true)
  expect(decodeIlpPacket(encodeIlpPacket({ ...packet, data: Buffer.alloc(MAX_DATA_BYTES + 1) })).ok).toBe(
    false,
  )
})

test('a million damaged inputs are decoded or refused with a text, and what is decoded can be encoded again', {
  timeout: PATIENCE_MS,
}, () => {
  const seed = 20_261_121
  const originals = fc
    .sample(anyPacket, { numRuns: 400, seed })
    .map(encodeIlpPacket)
    .filter((bytes) => bytes.length < 1_000)
  const [decode, encode] = [decodeIlpPacket, encodeIlpPacket]
  const decoded = fuzz({ seed, inputs: FUZZED_INPUTS, originals, decode, encode })
  // Neither everything nor nothing, or the damage would be of no use.
  expect(decoded).toBeGreaterThan(FUZZED_INPUTS / 100)
  expect(decoded).toBeLessThan((FUZZED_INPUTS * 99) / 100)
})
