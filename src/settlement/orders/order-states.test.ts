import { expect, test } from 'vitest'
import { nextOrderState, ORDER_MOVES } from './order-states.ts'

test('what has ended stays as it is, and nothing is signed twice or booked back once it may have left', () => {
  const moves = ['sign', 'refuse', 'send', 'confirm', 'fail', 'give_up'] as const
  for (const ended of ['done', 'failed', 'given_up'] as const) {
    expect(moves.map((move) => nextOrderState(ended, move))).toEqual(moves.map(() => undefined))
  }
  const from = (move: (typeof moves)[number]) =>
    Object.entries(ORDER_MOVES).flatMap(([state, possible]) => (move in possible ? [state] : []))
  expect(from('sign')).toEqual(['recorded'])
  expect(from('refuse')).toEqual(['recorded'])
  expect(from('send')).toEqual(['signed'])
})
