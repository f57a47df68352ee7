import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHex64, isHex128 } from './hex.ts'

test('the table look-up agrees with the regular expression', () => {
  const nearHex = fc.string({
    unit: fc.constantFrom(...Array.from('09afAFgG/:`é\u0130\u0161🤙')),
    minLength: 0,
    maxLength: 3,
  })
  const almost = fc.tuple(fc.nat(129), nearHex).map(([count, end]) => 'a'.repeat(count) + end)
  fc.assert(
    fc.property(almost, (text) => {
      expect(isHex64(text)).toBe(/^[0-9a-f]{64}$/.test(text))
      expect(isHex128(text)).toBe(/^[0-9a-f]{128}$/.test(text))
    }),
    { numRuns: 2000 },
  )
})

test.each([0, 9, 15, 16, 31, 63])('a wrong character at place %d is seen', (place) => {
  const text = `${'f'.repeat(place)}F${'f'.repeat(63 - place)}`
  expect(isHex64(text)).toBe(false)
  expect(isHex64(text.toLowerCase())).toBe(true)
})

test.each([undefined, null, 5, ['a'.repeat(64)]])('%j is not hex', (value) => {
  expect(isHex64(value)).toBe(false)
})
