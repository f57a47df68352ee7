import type { RelayState } from '../relay-report.ts'

export type RelayMove =
  | 'connect'
  | 'open'
  | 'catch-up'
  | 'poll'
  | 'fail'
  | 'release'
  /** There is no room for it now: nobody tries, so it is neither up nor down. */
  | 'rest'
  | 'refuse'
  | 'allow'

/** What may become of a relay; anything not in here is a mistake of ours. */
export const RELAY_MOVES = {
  candidate: { connect: 'connecting', refuse: 'refused' },
  waiting: { connect: 'connecting', rest: 'candidate', refuse: 'refused' },
  connecting: {
    open: 'catching-up',
    fail: 'waiting',
    release: 'waiting',
    rest: 'candidate',
    refuse: 'refused',
  },
  'catching-up': {
    'catch-up': 'live',
    poll: 'polling',
    fail: 'waiting',
    release: 'waiting',
    rest: 'candidate',
  },
  live: { open: 'catching-up', poll: 'polling', fail: 'waiting', release: 'waiting', rest: 'candidate' },
  polling: { fail: 'waiting', release: 'waiting', rest: 'candidate' },
  refused: { allow: 'waiting' },
} as const satisfies Record<RelayState, Partial<Record<RelayMove, RelayState>>>

/** The state after a move; undefined when there is no such move. */
export function afterMove(state: RelayState, move: RelayMove): RelayState | undefined {
  const moves: Partial<Record<RelayMove, RelayState>> = RELAY_MOVES[state]
  return moves[move]
}
