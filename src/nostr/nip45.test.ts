import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addToHyperLogLog,
  estimateHyperLogLog,
  HYPERLOGLOG_REGISTERS,
  hyperLogLogHex,
  hyperLogLogOffset,
  mergeHyperLogLog,
  parseHyperLogLog,
} from './nip45.ts'
import { parseFilter } from './parse-filter.ts'
import { ALICE, hexOf } from './testing.ts'

interface Vectors {
  readonly pubkeys: readonly string[]
  readonly cases: readonly { readonly filter: object; readonly offset: number; readonly registers: string }[]
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('./vectors/hll.json', import.meta.url), 'utf8'))

const registersOf = (pubkeys: readonly string[], offset: number) => {
  const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
  for (const pubkey of pubkeys) addToHyperLogLog(registers, pubkey, offset)
  return registers
}
const offsetOf = (filter: object) => {
  const parsed = parseFilter(filter)
  return parsed.ok ? hyperLogLogOffset(parsed.value) : parsed.refusal
}

test('there are 4 vectors over 50 authors', () => {
  expect([vectors.cases.length, vectors.pubkeys.length]).toEqual([4, 50])
})

test.each(vectors.cases)(
  '$filter has offset $offset and these registers',
  ({ filter, offset, registers }) => {
    expect(offsetOf(filter)).toBe(offset)
    expect(hyperLogLogHex(registersOf(vectors.pubkeys, offset))).toBe(registers)
  },
)

test.each([
  [{}, undefined],
  [{ authors: [ALICE], kinds: [1] }, undefined],
  [{ '#t': [] }, undefined],
  // The first condition as it was sent decides, even when the second one comes first in the alphabet.
  [{ '#p': [`${'0'.repeat(32)}7${'0'.repeat(31)}`], '#e': ['f'.repeat(64)] }, 15],
  [{ '#e': ['f'.repeat(64)], '#p': [`${'0'.repeat(32)}7${'0'.repeat(31)}`] }, 23],
  [{ '#e': ['f'.repeat(64), '0'.repeat(64)] }, 23],
  [{ '#a': [`0:${'0'.repeat(64)}:`] }, 8],
  // A d tag may hold colons.
  [{ '#a': [`30023:${'0'.repeat(64)}:a:b`] }, 8],
])('%j has offset %s', (filter, offset) => {
  expect(offsetOf(filter)).toBe(offset)
})

test.each([
  `${'0'.repeat(64)}`.slice(1),
  `30023:${'0'.repeat(64)}`,
  `x:${'0'.repeat(64)}:d`,
  'F'.repeat(64),
  '',
])('%j is text like any other, and hashed', (value) => {
  expect(offsetOf({ '#t': [value] })).toBe(8 + Number.parseInt(hash('sha256', value).charAt(32), 16))
})

test('a register holds the zero bits behind it, plus one, by the plain binary number', () => {
  const key = fc
    .tuple(hexOf(64), fc.nat(40))
    .map(([hex, zeros]) => (hex.slice(0, 24) + '0'.repeat(zeros) + hex).slice(0, 64))
  fc.assert(
    fc.property(key, fc.integer({ min: 8, max: 23 }), (pubkey, offset) => {
      const behind = pubkey.slice(2 * offset + 2)
      const binary = BigInt(`0x${behind}`)
        .toString(2)
        .padStart(behind.length * 4, '0')
      const expected = new Uint8Array(HYPERLOGLOG_REGISTERS)
      expected[Number.parseInt(pubkey.slice(2 * offset, 2 * offset + 2), 16)] =
        binary.indexOf('1') + 1 || binary.length + 1
      expect(registersOf([pubkey], offset)).toEqual(expected)
    }),
  )
})

test('bytes and hex of a key count alike', () => {
  const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
  addToHyperLogLog(registers, Buffer.from(vectors.pubkeys[0]!, 'hex'), 19)
  expect(registers).toEqual(registersOf(vectors.pubkeys.slice(0, 1), 19))
})

test('merged registers are those of the union, whatever is in both', () => {
  const some = fc.subarray([...vectors.pubkeys])
  fc.assert(
    fc.property(some, some, fc.integer({ min: 8, max: 23 }), (here, there, offset) => {
      const merged = registersOf(here, offset)
      mergeHyperLogLog(merged, registersOf(there, offset))
      expect(merged).toEqual(registersOf([...here, ...there], offset))
    }),
  )
})

test.each([0, 1, 10, 100, 1_000, 10_000, 50_000])('%i authors are estimated within 20 %%', (count) => {
  const pubkeys = Array.from({ length: count }, (_, n) => hash('sha256', `author ${n}`))
  const estimate = estimateHyperLogLog(registersOf(pubkeys, 12))
  expect(Math.abs(estimate - count)).toBeLessThanOrEqual(count * 0.2)
})

test('registers are read as they were written, and nothing else is', () => {
  const registers = registersOf(vectors.pubkeys, 10)
  expect(parseHyperLogLog(hyperLogLogHex(registers))).toEqual(registers)
  for (const wrong of [undefined, 5, '', '00', 'F'.repeat(512), '0'.repeat(513), `${'0'.repeat(512)}\n`]) {
    expect(parseHyperLogLog(wrong)).toBeUndefined()
  }
})
