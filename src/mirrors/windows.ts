import type { IdSet } from '../events/index.ts'
import type { TimeSpan } from './filter-json.ts'

/** Beyond so far in the future there is hardly anything. */
const NEAR_FUTURE_SECONDS = 86_400

/**
 * Two spans instead of one, the newer one first: where half of our own events are, if we know them, else in the middle.
 * Undefined for a single second.
 */
export function splitSpan(
  { since = 0, until = Number.MAX_SAFE_INTEGER }: TimeSpan,
  ours: IdSet | undefined,
  nowSeconds: number,
): readonly [TimeSpan, TimeSpan] | undefined {
  if (since >= until) return undefined
  const middle = medianOf(ours) ?? middleOf(since, until, nowSeconds)
  const newerSince = Math.min(Math.max(middle, since + 1), until)
  return [
    { since: newerSince, until: until === Number.MAX_SAFE_INTEGER ? undefined : until },
    { since: since === 0 ? undefined : since, until: newerSince - 1 },
  ]
}

/** Undefined when it would part nothing. */
function medianOf(ours: IdSet | undefined): number | undefined {
  if (ours === undefined) return undefined
  const { createdAt } = ours
  const median = createdAt[createdAt.length >>> 1]
  return median === undefined || median === createdAt[0] ? undefined : median
}

function middleOf(since: number, until: number, nowSeconds: number): number {
  const near = nowSeconds + NEAR_FUTURE_SECONDS
  if (since < near && until > near) return near
  return since + Math.floor((until - since) / 2) + 1
}
