import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { committedTarget, difficulty, meetsDifficulty } from './nip13.ts'
import { hexOf } from './testing.ts'

const vectors: readonly { readonly id: string; readonly difficulty: number }[] = JSON.parse(
  readFileSync(new URL('./vectors/pow.json', import.meta.url), 'utf8'),
)

test('there are 6 vectors', () => {
  expect(vectors).toHaveLength(6)
})

test.each(vectors)('$id has difficulty $difficulty', ({ id, difficulty: expected }) => {
  expect(difficulty(id)).toBe(expected)
})

test('difficulty agrees with counting zeros of the binary number', () => {
  const id = fc.tuple(fc.nat(64), hexOf(64)).map(([zeros, hex]) => ('0'.repeat(zeros) + hex).slice(0, 64))
  fc.assert(
    fc.property(id, (hex) => {
      const binary = BigInt(`0x${hex}`).toString(2).padStart(256, '0')
      expect(difficulty(hex)).toBe(binary.includes('1') ? binary.indexOf('1') : 256)
    }),
  )
})

test.each([
  [[], undefined],
  [[['nonce']], undefined],
  [[['nonce', '776797']], undefined],
  [[['nonce', '776797', 'twenty']], undefined],
  [[['nonce', '776797', '-20']], undefined],
  [[['nonce', '776797', '']], undefined],
  [[['nonce', '776797', '20']], 20],
  [
    [
      ['nonce', '1', '8'],
      ['nonce', '1', '20'],
    ],
    8,
  ],
])('tags %j commit to %s', (tags, target) => {
  expect(committedTarget({ tags })).toBe(target)
})

const bits21 = '000006d8c378af1779d2feebc7603a125d99eca0ccf1085959b307f64e5dd358'
const committedTo = (target: string) => ({ id: bits21, tags: [['nonce', '1', target]] })

test('work counts from exactly the minimum', () => {
  expect(meetsDifficulty(committedTo('21'), 21, { requireCommitment: true })).toBe(true)
  expect(meetsDifficulty(committedTo('22'), 22, { requireCommitment: true })).toBe(false)
})

test('luck is not enough when a commitment is required', () => {
  expect(meetsDifficulty(committedTo('8'), 20, { requireCommitment: true })).toBe(false)
  expect(meetsDifficulty({ id: bits21, tags: [] }, 20, { requireCommitment: true })).toBe(false)
  expect(meetsDifficulty({ id: bits21, tags: [] }, 20, { requireCommitment: false })).toBe(true)
})

test('a minimum of zero asks for nothing', () => {
  expect(meetsDifficulty({ id: 'f'.repeat(64), tags: [] }, 0, { requireCommitment: true })).toBe(true)
})
