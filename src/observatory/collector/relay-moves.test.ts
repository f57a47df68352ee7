import { expect, test } from 'vitest'
import { afterMove, RELAY_MOVES } from './relay-moves.ts'

test('every state but refusal leads to a connection again, and a connection can always fail', () => {
  for (const state of ['connecting', 'catching-up', 'live', 'polling'] as const) {
    expect(afterMove(state, 'fail')).toBe('waiting')
    expect(afterMove(state, 'release')).toBe('waiting')
    expect(afterMove(state, 'rest')).toBe('candidate')
  }
  for (const state of ['candidate', 'waiting'] as const)
    expect(afterMove(state, 'connect')).toBe('connecting')
  expect(RELAY_MOVES.refused).toEqual({ allow: 'waiting' })
})

test('there is no way to be live without having caught up', () => {
  expect(afterMove('connecting', 'catch-up')).toBeUndefined()
  expect(afterMove('waiting', 'open')).toBeUndefined()
})
