import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isIlpAddress, isIlpAddressPrefix, isInPrefix, MAX_ADDRESS_LENGTH } from './address.ts'
import { anyAddress } from './testing/index.ts'

test.each([
  'g.acme.bob',
  'g.us-fed.ach.0.acmebank.swx0a0.acmecorp.sales.199.~ipr.cdfa5e16',
  'g.A_b',
  'peer.config',
  'test3.x',
])('%s is an address', (text) => {
  expect(isIlpAddress(text)).toBe(true)
})

test.each(['', 'g', 'g.', '.g.a', 'g..a', 'g.a.', 'h.a', 'test4.a', 'G.a', 'g.a b', 'g.ä', 'g.a\n', 'g/a'])(
  '%j is no address',
  (text) => {
    expect(isIlpAddress(text)).toBe(false)
  },
)

test('an address has at most 1023 characters', () => {
  expect(isIlpAddress(`g.${'a'.repeat(MAX_ADDRESS_LENGTH - 2)}`)).toBe(true)
  expect(isIlpAddress(`g.${'a'.repeat(MAX_ADDRESS_LENGTH - 1)}`)).toBe(false)
})

test('a scheme alone and nothing at all may be prefixes', () => {
  expect(['', 'g', 'test1', 'g.a'].every(isIlpAddressPrefix)).toBe(true)
  expect(['h', 'g.', 'g..a'].some(isIlpAddressPrefix)).toBe(false)
})

test('an address lies in itself and in each of its beginnings that end before a dot, and in no other', () => {
  fc.assert(
    fc.property(anyAddress, fc.nat(), (address, place) => {
      const prefix = address.slice(0, place % (address.length + 1))
      const isWhole = prefix === '' || prefix === address || address[prefix.length] === '.'
      expect(isInPrefix(address, prefix)).toBe(isWhole)
    }),
  )
  expect(isInPrefix('g.alice', 'g.bob')).toBe(false)
})
