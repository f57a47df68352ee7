/** The life of an order, written down once. */

export type OrderState = 'recorded' | 'signed' | 'sent' | 'done' | 'failed' | 'given_up'
export type OrderMove = 'sign' | 'refuse' | 'send' | 'confirm' | 'fail' | 'give_up'

/**
 * `refuse`: the rail would not sign it, so nothing can have left. `fail`: the network says that it never will happen,
 * whoever sends it. `give_up`: somebody answers for that, since the network does not say it (`give-up.ts`). Only these three
 * undo what was booked. A signed order is never signed a second time.
 */
export const ORDER_MOVES = {
  recorded: { sign: 'signed', refuse: 'failed', give_up: 'given_up' },
  signed: { send: 'sent', confirm: 'done', fail: 'failed', give_up: 'given_up' },
  sent: { confirm: 'done', fail: 'failed', give_up: 'given_up' },
  done: {},
  failed: {},
  given_up: {},
} as const satisfies Record<OrderState, Partial<Record<OrderMove, OrderState>>>

/** Undefined when the table has no such move. */
export function nextOrderState(state: OrderState, move: OrderMove): OrderState | undefined {
  const moves: Partial<Record<OrderMove, OrderState>> = ORDER_MOVES[state]
  return moves[move]
}

/** States that nothing has come of. */
export const FRUITLESS = ['failed', 'given_up'] as const satisfies readonly OrderState[]
export const UNDER_WAY = ['recorded', 'signed', 'sent'] as const satisfies readonly OrderState[]
