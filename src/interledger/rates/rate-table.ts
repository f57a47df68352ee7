import { ASSETS, type Asset, accepted, type Outcome, refused } from '../../kernel/index.ts'
import { ilpAssetOf } from '../ilp-asset.ts'

export interface RateSettings {
  /**
   * What one whole unit of an asset (one BTC, not one satoshi) is worth, as a decimal text, by the asset's ILP code. All
   * are counted in one and the same base, which is worth nothing by itself: `{ BTC: '64000.12', XRP: '0.5' }`.
   */
  readonly prices: Readonly<Record<string, string>>
  /** What is kept of every conversion between two assets, in millionths of its worth; below 1,000,000. */
  readonly spreadPpm: number
}

/** Units of `to` for one of `from`, exactly. */
interface Rate {
  readonly numerator: bigint
  readonly denominator: bigint
}

interface Pair {
  /** With the spread. */
  readonly asked: Rate
  /** Without it. */
  readonly fair: Rate
}

/** What becomes of an amount that is converted. */
export interface Exchange {
  /** In the asset that it is converted to. */
  readonly amountOut: bigint
  /** Of the amount that came in, what stays with who converts. */
  readonly marginAmount: bigint
}

const MILLION = 1_000_000
/** Longer texts are no prices, and would only make every conversion slow. */
const MAX_PRICE_LENGTH = 40
const PRICE = /^(\d+)(?:\.(\d+))?$/

/**
 * Rates between the ledger's assets as exact fractions. Amounts are rounded down, never in favour of who converts; an
 * asset is itself, without a spread. Never changes: other prices are another table.
 */
export class RateTable {
  /** By `from`, then `to`; a pair that has no price is not in it. */
  readonly #pairs: ReadonlyMap<Asset, ReadonlyMap<Asset, Pair>>

  private constructor(pairs: ReadonlyMap<Asset, ReadonlyMap<Asset, Pair>>) {
    this.#pairs = pairs
  }

  /** Reads the settings; the refusal is a text that names the price that is none. */
  static parse({ prices, spreadPpm }: RateSettings): Outcome<RateTable, string> {
    if (!Number.isSafeInteger(spreadPpm) || spreadPpm < 0 || spreadPpm >= MILLION)
      return refused(`the spread is a whole number of millionths from 0 to ${MILLION - 1}, not ${spreadPpm}`)
    const known = new Set(allAssets().map((asset) => ilpAssetOf(asset).code))
    const stranger = Object.keys(prices).find((code) => !known.has(code))
    if (stranger !== undefined)
      return refused(`${stranger} is no asset of this ledger; it keeps ${[...known].join(', ')}`)
    const worths = new Map<Asset, Rate>()
    for (const asset of allAssets()) {
      const { code, scale } = ilpAssetOf(asset)
      const text = prices[code]
      if (text === undefined) continue
      const price = parsePrice(text)
      if (price === undefined)
        return refused(`the price of ${code} is a positive number like 0.5, not ${text}`)
      worths.set(asset, { ...price, denominator: price.denominator * 10n ** BigInt(scale) })
    }
    return accepted(new RateTable(pairsOf(worths, BigInt(MILLION - spreadPpm))))
  }

  /**
   * So many units of `to` for `amount` units of `from`, rounded down; undefined when there is no rate between them.
   *
   * @param amount not negative.
   */
  convert(amount: bigint, from: Asset, to: Asset): bigint | undefined {
    if (from === to) return amount
    const rate = this.#pairs.get(from)?.get(to)?.asked
    return rate && converted(amount, rate)
  }

  /** The least amount of `from` that converts to `amountOut` units of `to` or more. */
  cheapestSource(amountOut: bigint, from: Asset, to: Asset): bigint | undefined {
    if (from === to) return amountOut
    const rate = this.#pairs.get(from)?.get(to)?.asked
    return rate && leastSource(amountOut, rate)
  }

  /** The largest amount of `from` that converts to `amountOut` units of `to` or less. */
  largestSource(amountOut: bigint, from: Asset, to: Asset): bigint | undefined {
    const above = this.cheapestSource(amountOut + 1n, from, to)
    return above && above - 1n
  }

  /**
   * Converts `amount`, and says what spread and rounding keep of it: what is left when the outcome is bought back without
   * a spread. Nothing is kept of an asset that is converted to itself.
   */
  exchange(amount: bigint, from: Asset, to: Asset): Exchange | undefined {
    if (from === to) return { amountOut: amount, marginAmount: 0n }
    const pair = this.#pairs.get(from)?.get(to)
    if (pair === undefined) return undefined
    const amountOut = converted(amount, pair.asked)
    return { amountOut, marginAmount: amount - leastSource(amountOut, pair.fair) }
  }
}

function converted(amount: bigint, { numerator, denominator }: Rate): bigint {
  return (amount * numerator) / denominator
}

function leastSource(amountOut: bigint, { numerator, denominator }: Rate): bigint {
  return (amountOut * denominator + numerator - 1n) / numerator
}

function allAssets(): readonly Asset[] {
  // The keys of `ASSETS` are all assets.
  return Object.keys(ASSETS) as Asset[]
}

function parsePrice(text: string): Rate | undefined {
  const parts = text.length <= MAX_PRICE_LENGTH ? PRICE.exec(text) : null
  if (parts === null) return undefined
  const [, whole = '', fraction = ''] = parts
  const numerator = BigInt(whole + fraction)
  return numerator === 0n ? undefined : { numerator, denominator: 10n ** BigInt(fraction.length) }
}

function pairsOf(
  worths: ReadonlyMap<Asset, Rate>,
  keptMillionths: bigint,
): ReadonlyMap<Asset, ReadonlyMap<Asset, Pair>> {
  const pairsFrom = (source: Rate) =>
    new Map([...worths].map(([to, target]) => [to, pairOf(source, target, keptMillionths)] as const))
  return new Map([...worths].map(([from, worth]) => [from, pairsFrom(worth)] as const))
}

function pairOf(from: Rate, to: Rate, keptMillionths: bigint): Pair {
  const numerator = from.numerator * to.denominator
  const denominator = from.denominator * to.numerator
  return {
    asked: lowest(numerator * keptMillionths, denominator * BigInt(MILLION)),
    fair: lowest(numerator, denominator),
  }
}

/** The fraction in lowest terms, which is quickest to compute with. */
function lowest(numerator: bigint, denominator: bigint): Rate {
  const divisor = greatestDivisor(numerator, denominator)
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  let [large, small] = [a, b]
  while (small > 0n) [large, small] = [small, large % small]
  return large
}
