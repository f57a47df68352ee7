import { AppError } from './app-error.ts'
import { accepted, type Outcome, refused } from './outcome.ts'

/**
 * Everything that Stoa keeps books of. The code names the smallest unit, in which `Amount.units` counts;
 * people read and write the display unit, which is 10^`decimals` of them.
 */
export const ASSETS = {
  msat: { displayUnit: 'sat', decimals: 3 },
  usdc: { displayUnit: 'USDC', decimals: 6 },
  wei: { displayUnit: 'ETH', decimals: 18 },
  uakt: { displayUnit: 'AKT', decimals: 6 },
  uact: { displayUnit: 'ACT', decimals: 6 },
  drop: { displayUnit: 'XRP', decimals: 6 },
  winston: { displayUnit: 'AR', decimals: 12 },
  tk: { displayUnit: 'TK', decimals: 18 },
  tki: { displayUnit: 'TKI', decimals: 18 },
} as const satisfies Record<string, { readonly displayUnit: string; readonly decimals: number }>

export type Asset = keyof typeof ASSETS

/** So much of one asset, exactly. May be negative, as a difference. */
export interface Amount {
  readonly asset: Asset
  /** In the asset's smallest unit. */
  readonly units: bigint
}

/** Longer texts are no amounts, and would only cost time to read. */
const MAX_TEXT_LENGTH = 100

/**
 * Reads a decimal number of display units: `parseAmount('msat', '1.5')` is 1500 msat. Exact or refused:
 * digits, an optional leading `-`, and at most as many decimals as the asset has. The refusal is a text.
 */
export function parseAmount(asset: Asset, text: string): Outcome<Amount, string> {
  const { decimals, displayUnit } = ASSETS[asset]
  const parts = text.length <= MAX_TEXT_LENGTH ? /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) : null
  if (parts === null) return refused(`an amount of ${displayUnit} is written like 12 or 12.5`)
  const [, sign = '', whole = '', fraction = ''] = parts
  if (fraction.length > decimals) {
    return refused(`an amount of ${displayUnit} has at most ${decimals} decimals, not ${fraction.length}`)
  }
  const units = BigInt(whole + fraction.padEnd(decimals, '0'))
  return accepted({ asset, units: sign === '-' ? -units : units })
}

/** Writes an amount in display units, exactly, without superfluous zeros: 1500 msat is `1.5`. */
export function formatAmount({ asset, units }: Amount): string {
  const { decimals } = ASSETS[asset]
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, -decimals)
  const fraction = digits.slice(-decimals).replace(/0+$/, '')
  return `${units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** @throws AppError AMOUNT_INVALID when the assets differ. */
export function addAmounts(a: Amount, b: Amount): Amount {
  assertSameAsset(a, b)
  return { asset: a.asset, units: a.units + b.units }
}

/** `from` less `amount`. @throws AppError AMOUNT_INVALID when the assets differ. */
export function subtractAmount(from: Amount, amount: Amount): Amount {
  assertSameAsset(from, amount)
  return { asset: from.asset, units: from.units - amount.units }
}

/**
 * Divides into equal shares, rounded down (towards negative infinity), and says what is left:
 * `share × parts + remainder` is the amount, and 0 ≤ `remainder` < `parts` units. The caller gives the
 * remainder a home.
 *
 * @throws AppError AMOUNT_INVALID when `parts` is not positive.
 */
export function divideRoundingDown(
  { asset, units }: Amount,
  parts: bigint,
): { readonly share: Amount; readonly remainder: Amount } {
  if (parts <= 0n)
    throw new AppError('AMOUNT_INVALID', 'an amount is divided into at least one part', { facts: { parts } })
  const excess = ((units % parts) + parts) % parts
  return { share: { asset, units: (units - excess) / parts }, remainder: { asset, units: excess } }
}

function assertSameAsset(a: Amount, b: Amount): void {
  if (a.asset === b.asset) return
  throw new AppError(
    'AMOUNT_INVALID',
    `${a.asset} and ${b.asset} do not add up: convert one at a named rate`,
    {
      facts: { assets: [a.asset, b.asset] },
    },
  )
}
