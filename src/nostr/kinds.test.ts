import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf, dTagValue, isAddressable, isReplaceable, kindClass, parseAddress } from './kinds.ts'
import { ALICE, anyEvent, testEvent } from './testing.ts'

test.each([
  ['regular', [1, 2, 4, 5, 40, 41, 44, 45, 999, 1000, 9999, 40000, 65535]],
  ['replaceable', [0, 3, 10000, 19999]],
  ['ephemeral', [20000, 29999]],
  ['addressable', [30000, 39999]],
] as const)('%s: kinds %j', (expected, kinds) => {
  for (const kind of kinds) expect([kind, kindClass(kind)]).toEqual([kind, expected])
})

test.each([
  [[], ''],
  [[['d']], ''],
  [[['d', '']], ''],
  [
    [
      ['D', 'x'],
      ['d', 'first'],
      ['d', 'second'],
    ],
    'first',
  ],
  [[['d', 'a', 'b']], 'a'],
])('with tags %j the d value is %j', (tags, value) => {
  expect(dTagValue(testEvent({ tags }))).toBe(value)
})

test('an addressable event has an address with its d value, colons included', () => {
  const event = testEvent({ kind: 30023, tags: [['d', 'a:b']] })
  expect(addressOf(event)).toBe(`30023:${ALICE}:a:b`)
})

test('d on a replaceable kind does not enter the address', () => {
  expect(addressOf(testEvent({ kind: 10002, tags: [['d', 'x']] }))).toBe(`10002:${ALICE}:`)
})

test.each([1, 5, 20001, 65535])('kind %d has no address', (kind) => {
  expect(addressOf(testEvent({ kind, tags: [['d', 'x']] }))).toBeUndefined()
})

test('everything after the second colon is the identifier', () => {
  expect(parseAddress(`30023:${ALICE}:a:b:`)).toEqual({ kind: 30023, pubkey: ALICE, identifier: 'a:b:' })
})

test.each([
  '',
  ':',
  '::',
  `10002:${ALICE}`,
  `10002:${ALICE}:x`,
  `30023:${ALICE}`,
  `30023:${ALICE.toUpperCase()}:x`,
  `30023:${ALICE.slice(1)}:x`,
  `030023:${ALICE}:x`,
  ` 30023:${ALICE}:x`,
  `3e4:${ALICE}:x`,
  `0x7537:${ALICE}:x`,
  `-30023:${ALICE}:x`,
  `1:${ALICE}:`,
  `20001:${ALICE}:`,
  `99999:${ALICE}:`,
])('%j is no address', (value) => {
  expect(parseAddress(value)).toBeUndefined()
})

test('what addressOf writes, parseAddress reads', () => {
  const kind = fc.oneof(
    fc.constantFrom(0, 3),
    fc.integer({ min: 10000, max: 19999 }),
    fc.integer({ min: 30000, max: 39999 }),
  )
  fc.assert(
    fc.property(anyEvent, kind, fc.string({ unit: 'binary' }), (base, anyKind, d) => {
      const event = { ...base, kind: anyKind, tags: [['d', d]] }
      const identifier = isReplaceable(anyKind) ? '' : d
      expect(parseAddress(addressOf(event) ?? '')).toEqual({ kind: anyKind, pubkey: base.pubkey, identifier })
      expect(isReplaceable(anyKind)).toBe(!isAddressable(anyKind))
    }),
  )
})
