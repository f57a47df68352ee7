/** Exchange rates of a path, as exact fractions. */
import { MAX_AMOUNT } from '../packet/index.ts'

/**
 * `source` units sent have become `delivered` units: connectors round down, so that the true rate lies between
 * `delivered / source` and, for the one rounding at the end, `(delivered + 1) / source`.
 */
export interface PathRate {
  /** Positive. */
  readonly source: bigint
  readonly delivered: bigint
}

/** At least so much arrives at this rate. */
export function leastDelivered({ source, delivered }: PathRate, amount: bigint): bigint {
  return (amount * delivered) / source
}

/** Not more than so much arrives at this rate. */
export function mostDelivered({ source, delivered }: PathRate, amount: bigint): bigint {
  return divideRoundingUp(amount * (delivered + 1n), source)
}

/** The least that is sent so that `amount` arrives at the lower end of the rate, which is not 0. */
export function sourceFor({ source, delivered }: PathRate, amount: bigint): bigint {
  return divideRoundingUp(amount * source, delivered)
}

/** The most that is sent so that not more than `amount` arrives at the upper end of the rate. */
export function sourceBelow({ source, delivered }: PathRate, amount: bigint): bigint {
  return (amount * source) / (delivered + 1n)
}

/** A packet of more would arrive as more than an ILP packet can hold. */
export function largestPacket({ source, delivered }: PathRate): bigint {
  const most = (MAX_AMOUNT * source) / (delivered + 1n)
  return most < MAX_AMOUNT ? most : MAX_AMOUNT
}

/** Is `a` worse for the payer than `b`? */
export function isLowerRate(a: PathRate, b: PathRate): boolean {
  return a.delivered * b.source < b.delivered * a.source
}

export function divideRoundingUp(amount: bigint, by: bigint): bigint {
  return (amount + by - 1n) / by
}

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

const PPM = 1_000_000n

/** @param slippagePpm what may be missing, in millionths: 10 000 is one percent. */
export function lessSlippage(amount: bigint, slippagePpm: number): bigint {
  return (amount * (PPM - BigInt(slippagePpm))) / PPM
}

/** As `lessSlippage`, rounded up: of few units none may be missing. */
export function lessSlippageUp(amount: bigint, slippagePpm: number): bigint {
  return divideRoundingUp(amount * (PPM - BigInt(slippagePpm)), PPM)
}

export function lessSlippageRate({ source, delivered }: PathRate, slippagePpm: number): PathRate {
  return { source: source * PPM, delivered: lessSlippage(delivered * PPM, slippagePpm) }
}
