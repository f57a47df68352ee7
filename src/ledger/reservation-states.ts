import type { ReservationState } from './ledger.ts'

type ReservationMove = 'commit' | 'void' | 'expire'

/** What becomes of a reservation. What is not here is a refusal; a trigger of the database holds to the same. */
const MOVES = {
  open: { commit: 'committed', void: 'voided', expire: 'expired' },
  committed: {},
  voided: {},
  expired: {},
} as const satisfies Record<ReservationState, Partial<Record<ReservationMove, ReservationState>>>

/** The state behind the move; undefined when it is not to be made. */
export function stateBehind(state: ReservationState, move: ReservationMove): ReservationState | undefined {
  const moves: Partial<Record<ReservationMove, ReservationState>> = MOVES[state]
  return moves[move]
}
