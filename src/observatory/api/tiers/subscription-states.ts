/**
 * `active`: charged each month, and paid for the last one that came. `lapsed`: the owner had too little credit; the key has
 * the free tier until it is paid. `ended`: not charged any more; a month that was paid is still had to its end.
 */
export const SUBSCRIPTION_STATES = ['active', 'lapsed', 'ended'] as const
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number]
export type SubscriptionMove = 'paid' | 'short' | 'end'

export const SUBSCRIPTION_MOVES = {
  active: { paid: 'active', short: 'lapsed', end: 'ended' },
  lapsed: { paid: 'active', short: 'lapsed', end: 'ended' },
  // Only who subscribes again pays, and then nothing is written when they cannot.
  ended: { paid: 'active' },
} as const satisfies Record<SubscriptionState, Partial<Record<SubscriptionMove, SubscriptionState>>>

/** Undefined for a move that the table does not have. */
export function stateAfter(state: SubscriptionState, move: SubscriptionMove): SubscriptionState | undefined {
  const moves: Partial<Record<SubscriptionMove, SubscriptionState>> = SUBSCRIPTION_MOVES[state]
  return moves[move]
}
