import { expect, test } from 'vitest'
import { type Amount, addAmounts, formatAmount, parseAmount, subtractAmount } from './amount.ts'

const msat = (units: bigint): Amount => ({ asset: 'msat', units })

test.each([
  ['msat', '1.5', 1500n],
  ['usdc', '0.000001', 1n],
  ['usdc', '-12', -12_000_000n],
  ['wei', '1', 10n ** 18n],
  ['winston', '0.000000000001', 1n],
  ['tk', '007.50', 75n * 10n ** 17n],
] as const)('in %s, %s is %d units', (asset, text, units) => {
  expect(parseAmount(asset, text)).toEqual({ ok: true, value: { asset, units } })
})

test.each(['', '.', '1.', '.5', '+1', '1e3', ' 1', '1 ', '0x10', '1,5', '--1', '१', '9'.repeat(101)])(
  '%j is no amount',
  (text) => {
    expect(parseAmount('usdc', text)).toMatchObject({ ok: false })
  },
)

test('more decimals than the asset has are refused, not rounded', () => {
  expect(parseAmount('usdc', '0.0000001')).toEqual({
    ok: false,
    refusal: 'an amount of USDC has at most 6 decimals, not 7',
  })
})

test.each([
  [0n, '0'],
  [1n, '0.001'],
  [-1n, '-0.001'],
  [1500n, '1.5'],
  [-21_000n, '-21'],
])('%d msat is written %s', (units, text) => {
  expect(formatAmount(msat(units))).toBe(text)
})

test('amounts of one asset add and subtract', () => {
  expect(addAmounts(msat(5n), msat(7n))).toEqual(msat(12n))
  expect(subtractAmount(msat(5n), msat(7n))).toEqual(msat(-2n))
})

test('amounts of two assets do not add up', () => {
  const usdc: Amount = { asset: 'usdc', units: 1n }
  expect(() => addAmounts(msat(1n), usdc)).toThrow('msat and usdc do not add up')
  expect(() => subtractAmount(usdc, msat(1n))).toThrow('usdc and msat do not add up')
})
