import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Asset } from '../../kernel/index.ts'
import { RateTable } from './rate-table.ts'

function tableOf(prices: Record<string, string>, spreadPpm = 0): RateTable {
  const table = RateTable.parse({ prices, spreadPpm })
  if (!table.ok) throw new Error(table.refusal)
  return table.value
}

const price = fc
  .tuple(fc.bigInt(0n, 10n ** 9n), fc.stringMatching(/^\d{0,9}$/))
  .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`))
  .filter((text) => /[1-9]/.test(text))
const priceList = fc.record({ BTC: price, XRP: price, USDC: price, ETH: price })
const spread = fc.integer({ min: 0, max: 999_999 })
const table = fc.tuple(priceList, spread).map(([prices, spreadPpm]) => tableOf(prices, spreadPpm))
const asset = fc.constantFrom<Asset>('msat', 'drop', 'usdc', 'wei')
const amount = fc.bigInt(0n, 2n ** 64n - 1n)

describe('for any prices and any spread,', () => {
  test('nobody gains by converting there and back', () => {
    fc.assert(
      fc.property(table, amount, asset, asset, (rates, there, from, to) => {
        const back = rates.convert(rates.convert(there, from, to)!, to, from)!
        expect(back).toBeLessThanOrEqual(there)
      }),
    )
  })

  test('nobody gains by a detour over a third asset', () => {
    fc.assert(
      fc.property(table, amount, asset, asset, asset, (rates, start, from, over, to) => {
        const detour = rates.convert(rates.convert(start, from, over)!, over, to)!
        expect(detour).toBeLessThanOrEqual(rates.convert(start, from, to)!)
      }),
    )
  })

  test('more never converts to less', () => {
    fc.assert(
      fc.property(table, amount, amount, asset, asset, (rates, a, b, from, to) => {
        const [less, more] = a < b ? [a, b] : [b, a]
        expect(rates.convert(less, from, to)!).toBeLessThanOrEqual(rates.convert(more, from, to)!)
      }),
    )
  })

  test('the cheapest source covers what is wanted, and one unit less does not', () => {
    fc.assert(
      fc.property(table, amount, asset, asset, (rates, wanted, from, to) => {
        const source = rates.cheapestSource(wanted, from, to)!
        expect(rates.convert(source, from, to)!).toBeGreaterThanOrEqual(wanted)
        if (source > 0n) expect(rates.convert(source - 1n, from, to)!).toBeLessThan(wanted)
      }),
    )
  })

  test('what a conversion keeps is never negative nor more than there was, and the rest is worth what went out', () => {
    fc.assert(
      fc.property(priceList, spread, amount, asset, asset, (prices, spreadPpm, there, from, to) => {
        const [dear, fair] = [tableOf(prices, spreadPpm), tableOf(prices)]
        const { amountOut: out, marginAmount: kept } = dear.exchange(there, from, to)!
        expect(out).toBe(dear.convert(there, from, to))
        expect(kept).toBeGreaterThanOrEqual(0n)
        expect(kept).toBeLessThanOrEqual(there)
        expect(fair.convert(there - kept, from, to)!).toBeGreaterThanOrEqual(out)
        if (kept < there) expect(fair.convert(there - kept - 1n, from, to)!).toBeLessThan(out)
      }),
    )
  })

  test('the largest source stays below the bound, and one unit more does not', () => {
    fc.assert(
      fc.property(table, amount, asset, asset, (rates, bound, from, to) => {
        const source = rates.largestSource(bound, from, to)!
        expect(rates.convert(source, from, to)!).toBeLessThanOrEqual(bound)
        expect(rates.convert(source + 1n, from, to)!).toBeGreaterThan(bound)
      }),
    )
  })
})

test('an amount is converted by prices, scales and spread exactly', () => {
  const rates = tableOf({ BTC: '64000.12', XRP: '0.5' }, 10_000)
  // 0.001 BTC = 64.00012 base = 128.00024 XRP, less a hundredth.
  expect(rates.convert(100_000_000n, 'msat', 'drop')).toBe(126_720_237n)
})

test('an asset without a price converts to nothing but itself', () => {
  const rates = tableOf({ BTC: '1' }, 500)
  expect(rates.convert(7n, 'msat', 'uakt')).toBeUndefined()
  expect(rates.largestSource(7n, 'uakt', 'msat')).toBeUndefined()
  expect(rates.exchange(7n, 'msat', 'uakt')).toBeUndefined()
  expect(rates.convert(7n, 'uakt', 'uakt')).toBe(7n)
})

test.each([
  [{ BTC: '0.00' }, 0],
  [{ BTC: '-1' }, 0],
  [{ BTC: '1e9' }, 0],
  [{ BTC: `1${'0'.repeat(40)}` }, 0],
  [{ DOGE: '1' }, 0],
  [{ BTC: '1' }, 1_000_000],
  [{ BTC: '1' }, 0.5],
])('prices %j with a spread of %d millionths are refused', (prices, spreadPpm) => {
  expect(RateTable.parse({ prices: { ...prices }, spreadPpm }).ok).toBe(false)
})
