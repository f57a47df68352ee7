import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Amount, ASSETS, type Asset, divideRoundingDown, formatAmount, parseAmount } from './amount.ts'

const assets = Object.keys(ASSETS).filter((code): code is Asset => code in ASSETS)
const anyAmount: fc.Arbitrary<Amount> = fc.record({
  asset: fc.constantFrom(...assets),
  units: fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
})

test('what formatAmount writes, parseAmount reads as the same amount', () => {
  fc.assert(
    fc.property(anyAmount, (amount) => {
      expect(parseAmount(amount.asset, formatAmount(amount))).toEqual({ ok: true, value: amount })
    }),
  )
})

test('shares and remainder make up the whole, and the remainder is smaller than the number of parts', () => {
  fc.assert(
    fc.property(anyAmount, fc.bigInt({ min: 1n, max: 10n ** 20n }), (amount, parts) => {
      const { share, remainder } = divideRoundingDown(amount, parts)
      expect(share.units * parts + remainder.units).toBe(amount.units)
      expect(remainder.units >= 0n && remainder.units < parts).toBe(true)
      expect([share.asset, remainder.asset]).toEqual([amount.asset, amount.asset])
    }),
  )
})

test('a division into no parts is refused', () => {
  const amount: Amount = { asset: 'msat', units: 10n }
  expect(() => divideRoundingDown(amount, 0n)).toThrow('at least one part')
  expect(() => divideRoundingDown(amount, -3n)).toThrow('at least one part')
})
