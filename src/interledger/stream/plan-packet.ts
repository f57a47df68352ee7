/** How large the next packet of a payment is: pure, so that its sums can be hammered. */
import {
  divideRoundingUp,
  largestPacket,
  least,
  leastDelivered,
  most,
  type PathRate,
  sourceBelow,
  sourceFor,
} from './path-rate.ts'

/** `send`: units of the payer. `deliver`: units of the receiver, for at most `maxSend` units of the payer. */
export type StreamAmount = { readonly send: bigint } | { readonly deliver: bigint; readonly maxSend: bigint }

export interface PaymentState {
  /** Fulfilled, in the payer's units. */
  readonly sent: bigint
  /** Of it, what arrived, in the receiver's units. */
  readonly delivered: bigint
  readonly sentInFlight: bigint
  /** The most that may arrive of what is in flight. */
  readonly deliveredInFlight: bigint
}

export interface PacketLimits {
  /** The largest packet that the path carries. */
  readonly maxPacket: bigint
  /** What may be added to what is in flight. */
  readonly room: bigint
}

/** Of so many units of the receiver the part of one that is lost to rounding is not a hundredth. */
const FINE_UNITS = 100n

/**
 * The amount of the next packet, in the payer's units. 0: nothing, until an answer comes; and when none is under way,
 * the payment is at its end: reached, out of budget, with a rest that would arrive as nothing, or with packets so small.
 */
export function planPacket(
  amount: StreamAmount,
  state: PaymentState,
  rate: PathRate,
  { maxPacket, room }: PacketLimits,
): bigint {
  const budget = ('send' in amount ? amount.send : amount.maxSend) - state.sent - state.sentInFlight
  const wanted = least('send' in amount ? budget : wantedFor(amount.deliver, state, rate), budget)
  // Less than this arrives as nothing, whatever the room.
  const smallest = sourceFor(rate, 1n)
  const largest = least(maxPacket, largestPacket(rate))
  if (wanted < smallest || largest < smallest) return 0n
  // Packets of one size, so that no crumb is left for the end.
  const even = most(smallest, divideRoundingUp(wanted, divideRoundingUp(wanted, largest)))
  if (state.sentInFlight > 0n && room * 2n < even) return 0n
  const size = least(even, most(room, smallest))
  const arriving = leastDelivered(rate, size)
  // Of few units, what is above the whole ones that arrive would be too much to lose to rounding.
  return arriving < FINE_UNITS ? sourceFor(rate, arriving) : size
}

/**
 * What is missing, in the payer's units. A rate is known to one unit of the receiver in `rate.delivered`: where that makes
 * a difference less is sent first, and the rest when the answers have said how much it is.
 */
function wantedFor(target: bigint, { delivered, deliveredInFlight }: PaymentState, rate: PathRate): bigint {
  const missing = target - delivered - deliveredInFlight
  if (missing <= 0n) return 0n
  const enough = sourceFor(rate, missing)
  return enough <= rate.source ? enough : sourceBelow(rate, missing)
}
