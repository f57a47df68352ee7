import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSecretKey } from './secret-key-text.ts'

/** From NIP-19 and NIP-59. */
const KNOWN: readonly [string, string][] = [
  [
    'nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5',
    '67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa',
  ],
  [
    'nsec1p0ht6p3wepe47sjrgesyn4m50m6avk2waqudu9rl324cg2c4ufesyp6rdg',
    '0beebd062ec8735f4243466049d7747ef5d6594ee838de147f8aab842b15e273',
  ],
]

test.each(KNOWN)('%s is read, in either case, and so is its hex', (nsec, hex) => {
  for (const text of [nsec, nsec.toUpperCase(), `  ${nsec}\n`, hex, hex.toUpperCase(), `${hex}\n`]) {
    expect(Buffer.from(parseSecretKey(text) ?? []).toString('hex')).toBe(hex)
  }
})

test('no change of one character makes another key', () => {
  const [[nsec]] = KNOWN as [[string, string]]
  fc.assert(
    fc.property(
      fc.nat(nsec.length - 1),
      fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l1bio'),
      (at, char) => {
        fc.pre(nsec[at] !== char)
        expect(parseSecretKey(nsec.slice(0, at) + char + nsec.slice(at + 1))).toBeUndefined()
      },
    ),
    { numRuns: 300 },
  )
})

test.each([
  '',
  'nsec1',
  '0'.repeat(64),
  'f'.repeat(64),
  // The order of the curve itself.
  'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
  `0x${'1'.repeat(62)}`,
  '1'.repeat(63),
  '1'.repeat(66),
  `Nsec1${KNOWN[0]![0].slice(5)}`,
  `nsec1${'q'.repeat(58)}`,
  'npub1sn0wdenkukak0d9dfczzeacvhkrgz92ak56egt7vdgzn8pv2wfqqhrjdv9',
  `${KNOWN[0]![0]} ${KNOWN[1]![0]}`,
])('%j is no secret key', (text) => {
  expect(parseSecretKey(text)).toBeUndefined()
})

test('the number before the order of the curve is a key, and so is 1', () => {
  const highest = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140'
  for (const hex of [highest, '1'.padStart(64, '0')]) expect(parseSecretKey(hex)).toHaveLength(32)
})
