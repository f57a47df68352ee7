/** What has to arrive of each packet: pure, so that no path takes a payment crumb by crumb. */
import { leastDelivered, lessSlippageRate, lessSlippageUp, most, type PathRate } from './path-rate.ts'

export interface DeliveryFloor {
  /** What is expected to arrive. */
  readonly rate: PathRate
  /** How much less is still good, in millionths. */
  readonly slippagePpm: number
}

/** Packets that are fulfilled or under way. */
export interface PacketTotals {
  /** In the payer's units. */
  readonly sent: bigint
  /** What has to arrive of them at least, in the receiver's units. */
  readonly minimum: bigint
}

/** Packets of few units lose more by rounding than slippage allows: all together may lose so much by it. */
const ROUNDING_PPM = 10_000

/**
 * The least that the receiver shall fulfil a packet for. Of one packet that is what the rate makes of it, less slippage,
 * rounded up: rounded down it would be 0 for a small packet, and whoever says that packets must be small (F08) could keep
 * them all. Where the rate itself is rounded down in each packet, what is missing by that is bounded in the sum.
 */
export function minimumFor(
  { rate, slippagePpm }: DeliveryFloor,
  amount: bigint,
  others: PacketTotals,
): bigint {
  const ofPacket = lessSlippageUp(leastDelivered(rate, amount), slippagePpm)
  const inAll = leastDelivered(
    lessSlippageRate(lessSlippageRate(rate, slippagePpm), ROUNDING_PPM),
    others.sent + amount,
  )
  // A rate that has risen expects something of what the first one expected nothing of.
  return most(most(ofPacket, inAll - others.minimum), 1n)
}
