/** The life of an order, written down once. */

export type OrderState = 'recorded' | 'signed' | 'sent' | 'done' | 'failed'
export type OrderMove = 'sign' | 'refuse' | 'send' | 'confirm' | 'fail'

/**
 * `refuse`: the rail would not sign it, so nothing can have left. `fail`: the network says that it never will happen,
 * whoever sends it. Only these two undo what was booked. A signed order is never signed a second time.
 */
export const ORDER_MOVES = {
  recorded: { sign: 'signed', refuse: 'failed' },
  signed: { send: 'sent', confirm: 'done', fail: 'failed' },
  sent: { confirm: 'done', fail: 'failed' },
  done: {},
  failed: {},
} as const satisfies Record<OrderState, Partial<Record<OrderMove, OrderState>>>

/** Undefined when the table has no such move. */
export function nextOrderState(state: OrderState, move: OrderMove): OrderState | undefined {
  const moves: Partial<Record<OrderMove, OrderState>> = ORDER_MOVES[state]
  return moves[move]
}

export const UNDER_WAY = ['recorded', 'signed', 'sent'] as const satisfies readonly OrderState[]
