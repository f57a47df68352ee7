import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeParcels, encodeParcels } from './parcels.ts'

const message = fc.record({
  from: fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }),
  number: fc.nat({ max: 2 ** 32 - 1 }),
  parcels: fc.array(
    fc.record({
      seq: fc.oneof(fc.maxSafeNat(), fc.constant(Number.POSITIVE_INFINITY)),
      json: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    }),
    { maxLength: 20 },
  ),
})

test('what is decoded is what was encoded', () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(decodeParcels(encodeParcels(sent))).toEqual(sent)
    }),
  )
})

test('a message that was cut off anywhere but between two events is no message', () => {
  fc.assert(
    fc.property(message, fc.nat(), (sent, cutAt) => {
      const bytes = encodeParcels(sent)
      const received = decodeParcels(bytes.subarray(0, cutAt % bytes.length))
      if (received !== undefined)
        expect(sent.parcels.slice(0, received.parcels.length)).toEqual(received.parcels)
    }),
  )
})

test('whatever bytes arrive, decoding neither throws nor reads beyond them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (noise, hasVersion) => {
      const bytes = Buffer.from(hasVersion ? [1, 2, 65, 66, ...noise] : noise)
      const total = decodeParcels(bytes)?.parcels.reduce((sum, { json }) => sum + 12 + json.length, 0) ?? 0
      expect(total).toBeLessThanOrEqual(bytes.length)
    }),
  )
})

test('a name that has no place is a bug of the caller', () => {
  expect(() => encodeParcels({ from: '', number: 1, parcels: [] })).toThrow('1 to 255 bytes')
  expect(() => encodeParcels({ from: '☂'.repeat(86), number: 1, parcels: [] })).toThrow('258')
})
