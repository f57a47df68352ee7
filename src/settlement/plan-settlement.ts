/** How much is paid, and whether now: pure. */

export interface SettlementNeed {
  /** What the party owes us; negative when we owe it. */
  readonly balance: bigint
  readonly threshold: bigint
  readonly target: bigint
  readonly granularity: bigint
  readonly maxAmount: bigint
}

/** What is to be paid now, 0 when nothing is. Rounded down to what the rail can move; the rest stays owed. */
export function planSettlement({
  balance,
  threshold,
  target,
  granularity,
  maxAmount,
}: SettlementNeed): bigint {
  const owed = -balance
  if (owed <= threshold) return 0n
  return payable(owed - target, granularity, maxAmount)
}

/** The most of `amount` that the rail can move at once. */
export function payable(amount: bigint, granularity: bigint, maxAmount: bigint): bigint {
  const bounded = amount < maxAmount ? amount : maxAmount
  return bounded <= 0n ? 0n : bounded - (bounded % granularity)
}

/** Behind so many payments in a row that failed, how long the next one waits. */
export function pauseAfterFailures(count: number): number {
  return count === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), MAX_PAUSE_MS)
}

const FIRST_PAUSE_MS = 10_000
/** RFC-0038 asks for no more between two tries. */
const MAX_PAUSE_MS = 3_600_000
