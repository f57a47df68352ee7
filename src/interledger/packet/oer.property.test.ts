import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_AMOUNT } from './ilp-packet.ts'
import { OerWriter, readOer, varOctetsLength, varUintLength } from './oer.ts'

test('an integer takes the length that was computed, and is read as it was written', () => {
  const anyInteger = fc.oneof(
    fc.bigInt({ min: 0n, max: MAX_AMOUNT }),
    fc.nat(63).map((bits) => 1n << BigInt(bits)),
    fc.nat(63).map((bits) => (1n << BigInt(bits)) - 1n),
  )
  fc.assert(
    fc.property(anyInteger, (value) => {
      const { bytes } = new OerWriter(varUintLength(value)).varUint(value)
      // Shortest form: no byte of zero in front.
      expect(value === 0n || bytes[1] !== 0).toBe(true)
      expect(readOer(bytes, (reader) => [reader.varUint(), reader.left])).toEqual({
        ok: true,
        value: [value, 0],
      })
    }),
  )
})

test('octets of every length of length are read as they were written', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 200_000]) {
    const octets = Buffer.alloc(length, 7)
    const { bytes } = new OerWriter(varOctetsLength(length)).varOctets(octets)
    const read = readOer(bytes, (reader) => [reader.varOctets().equals(octets), reader.left])
    expect(read).toEqual({ ok: true, value: [true, 0] })
  }
})

test.each([
  ['a length in two bytes that fits in one', '8105ffffffffff'],
  ['a length in three bytes that fits in two', '820010'.padEnd(60, '0')],
  ['a length in four bytes that fits in three', '8300ffff'.padEnd(140_000, '0')],
  ['a length of no bytes', '80'],
  ['a length of four bytes', '8400000001ff'],
  ['less than its length says', '05ffffffff'],
  ['nothing', ''],
])('%s is refused', (_, hex) => {
  expect(readOer(Buffer.from(hex, 'hex'), (reader) => reader.varOctets()).ok).toBe(false)
})

test('an integer of no bytes, of nine bytes, or above its bound is refused', () => {
  expect(readOer(Buffer.from('00', 'hex'), (reader) => reader.varUint()).ok).toBe(false)
  expect(readOer(Buffer.from('09010000000000000000', 'hex'), (reader) => reader.varUint()).ok).toBe(false)
  expect(readOer(Buffer.from('0111', 'hex'), (reader) => reader.varUintNumber(16)).ok).toBe(false)
  expect(readOer(Buffer.from('0110', 'hex'), (reader) => reader.varUintNumber(16))).toMatchObject({
    value: 16,
  })
})
