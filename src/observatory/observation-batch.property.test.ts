import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Observation } from './observation.ts'
import { BYTES_PER_OBSERVATION, ObservationBatch } from './observation-batch.ts'

const word = fc.nat({ max: 0xffff_ffff })
const fingerprint = fc.record({ high: word, low: word })
const anyObservation: fc.Arbitrary<Observation> = fc.record({
  relay: word,
  event: fingerprint,
  author: fingerprint,
  kind: fc.nat({ max: 0xffff }),
  createdAt: word,
  seenAt: word,
  client: fc.option(fc.constantFrom('Damus', 'Amethyst', 'ぷらいべーと', ''), { nil: undefined }),
  zapMsat: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  isZapSignerChecked: fc.boolean(),
  language: fc.nat({ max: 255 }),
})

const listOf = (batch: ObservationBatch) => Array.from({ length: batch.count }, (_, row) => batch.at(row))

function batchOf(observations: readonly Observation[], capacity?: number): ObservationBatch {
  const batch = new ObservationBatch(capacity)
  for (const observation of observations) batch.add(observation)
  return batch
}

test('what was added comes back, however small the batch was at first, and through bytes', () => {
  fc.assert(
    fc.property(fc.array(anyObservation, { maxLength: 200 }), fc.nat({ max: 300 }), (added, capacity) => {
      const batch = batchOf(added, capacity)
      expect(listOf(batch)).toEqual(added)
      expect(listOf(ObservationBatch.decode(batch.encode()))).toEqual(added)
    }),
  )
})

describe('bytes that were not written whole are refused', () => {
  const whole = batchOf(fc.sample(anyObservation, { numRuns: 20, seed: 1 })).encode()

  test('every shorter piece of them', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => ObservationBatch.decode(whole.subarray(0, length)), `${length} bytes`).toThrow(RangeError)
    }
  })

  test('and any garbage throws nothing else than a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          ObservationBatch.decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })
})

test('a row takes as many bytes as is said', () => {
  const observation = { ...fc.sample(anyObservation, { numRuns: 1, seed: 7 })[0]!, client: undefined }
  expect(batchOf([observation, observation]).encode().length - batchOf([observation]).encode().length).toBe(
    BYTES_PER_OBSERVATION,
  )
})
