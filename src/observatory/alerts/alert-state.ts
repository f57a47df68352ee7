/** What a rule does next: pure, so that a property test can hammer it. */

/**
 * `quiet`; `firing`: its condition holds, or held a moment ago; `clearing`: it does not hold any more, and not yet long
 * enough. In the database a rule that clears is `firing`: after a restart the wait begins anew.
 */
export type AlertState = 'quiet' | 'firing' | 'clearing'

/**
 * `rise`: the condition holds. `fall`: it does not. `doubt`: nobody knows, so it was not false all the time. `settle`: it
 * was false for long enough.
 */
export type AlertMove = 'rise' | 'fall' | 'doubt' | 'settle'

/** What is not in here does not happen. */
export const NEXT_ALERT_STATE = {
  quiet: { rise: 'firing' },
  firing: { fall: 'clearing' },
  clearing: { rise: 'firing', doubt: 'firing', settle: 'quiet' },
} as const satisfies Record<AlertState, Partial<Record<AlertMove, AlertState>>>

export interface AlertStatus {
  readonly state: AlertState
  /** Since when it is quiet, or has been firing. */
  readonly sinceSeconds: number
  /** With `clearing`. */
  readonly unmetSinceSeconds?: number
  /** Was this time of firing told to anybody? */
  readonly isNotified: boolean
  /** When it was last told that it fires. */
  readonly lastNoticeSeconds?: number
}

export interface AlertPace {
  readonly clearAfterSeconds: number
  readonly quietSeconds: number
}

export interface AlertDecision {
  readonly status: AlertStatus
  /** To be written into the history: `notified` is a notice that had to wait for the end of the quiet time. */
  readonly what?: 'firing' | 'notified' | 'cleared'
  /** Is somebody to be told? Only ever with `what`. */
  readonly notice?: 'firing' | 'cleared'
}

/** @param isMet undefined when it cannot be told, as without a measurement: then nothing begins and nothing ends. */
export function decideAlert(
  status: AlertStatus,
  isMet: boolean | undefined,
  pace: AlertPace,
  nowSeconds: number,
): AlertDecision {
  const moved = moveStatus(status, isMet, pace, nowSeconds)
  if (moved.state === 'quiet') {
    if (status.state === 'quiet') return { status: moved }
    const cleared: AlertDecision = { status: { ...moved, isNotified: false }, what: 'cleared' }
    // Whoever was not told that it fired need not be told that it is over.
    return status.isNotified ? { ...cleared, notice: 'cleared' } : cleared
  }
  const isNew = status.state === 'quiet'
  if (isMet !== true || moved.isNotified || !isQuietOver(moved, pace, nowSeconds)) {
    return isNew ? { status: moved, what: 'firing' } : { status: moved }
  }
  const told = { ...moved, isNotified: true, lastNoticeSeconds: nowSeconds }
  return { status: told, what: isNew ? 'firing' : 'notified', notice: 'firing' }
}

function moveStatus(
  status: AlertStatus,
  isMet: boolean | undefined,
  pace: AlertPace,
  nowSeconds: number,
): AlertStatus {
  const move = moveOf(status, isMet, pace, nowSeconds)
  const moves: Partial<Record<AlertMove, AlertState>> = NEXT_ALERT_STATE[status.state]
  const state = move === undefined ? undefined : moves[move]
  if (state === undefined) return status
  const { unmetSinceSeconds: _, ...rest } = status
  if (state === 'clearing') return { ...rest, state, unmetSinceSeconds: nowSeconds }
  const isBackAgain = status.state === 'clearing' && state === 'firing'
  return { ...rest, state, sinceSeconds: isBackAgain ? status.sinceSeconds : nowSeconds }
}

function moveOf(
  { unmetSinceSeconds }: AlertStatus,
  isMet: boolean | undefined,
  { clearAfterSeconds }: AlertPace,
  nowSeconds: number,
): AlertMove | undefined {
  if (isMet === undefined) return 'doubt'
  if (isMet) return 'rise'
  if (unmetSinceSeconds === undefined) return 'fall'
  return nowSeconds - unmetSinceSeconds >= clearAfterSeconds ? 'settle' : undefined
}

function isQuietOver(
  { lastNoticeSeconds }: AlertStatus,
  { quietSeconds }: AlertPace,
  nowSeconds: number,
): boolean {
  return lastNoticeSeconds === undefined || nowSeconds - lastNoticeSeconds >= quietSeconds
}
