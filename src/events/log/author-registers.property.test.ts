import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addToHyperLogLog, HYPERLOGLOG_REGISTERS } from '../../nostr/index.ts'
import { addAuthor, hexByteAt } from './author-registers.ts'

/** Keys with many zeros, so that the count of leading ones has all lengths. */
const keyBytes = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 255 }) }), {
    minLength: 32,
    maxLength: 32,
  })
  .map((bytes) => Buffer.from(bytes))

test('authors counted from hex characters give the registers that whole keys give', () => {
  const law = fc.property(
    fc.array(keyBytes, { maxLength: 20 }),
    fc.integer({ min: 8, max: 23 }),
    (keys, offset) => {
      const [expected, actual] = [
        new Uint8Array(HYPERLOGLOG_REGISTERS),
        new Uint8Array(HYPERLOGLOG_REGISTERS),
      ]
      const hex = Buffer.from(`..${keys.map((key) => key.toString('hex')).join('')}`)
      keys.forEach((key, index) => {
        addToHyperLogLog(expected, key, offset)
        addAuthor(actual, hex, 2 + index * 64, offset)
      })
      expect(actual).toEqual(expected)
    },
  )
  fc.assert(law)
})

test('every byte is read from its two characters', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const hex = Buffer.from(all.toString('hex'))
  expect(Array.from(all, (_, byte) => hexByteAt(hex, byte * 2))).toEqual([...all])
})
