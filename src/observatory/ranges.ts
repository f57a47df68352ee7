/** The ranges of time that every figure is given for (document 001). */
export const RANGES = ['24h', '7d', '30d', '90d', 'all'] as const

/**
 * `24h`: the hour that runs and the 23 before it. `7d`, `30d`, `90d`: the day that runs (UTC) and the 6, 29 or 89 before
 * it. `all`: everything since the observatory began to watch, however old the events are.
 */
export type Range = (typeof RANGES)[number]

export function isRange(text: string): text is Range {
  return (RANGES as readonly string[]).includes(text)
}

export const SECONDS_PER_HOUR = 3600
export const SECONDS_PER_DAY = 86_400

const DAYS = { '7d': 7, '30d': 30, '90d': 90 } as const

/** The first second that counts, at a moment; undefined for `all`. */
export function rangeStart(range: Range, nowSeconds: number): number | undefined {
  if (range === 'all') return undefined
  if (range === '24h') return (Math.floor(nowSeconds / SECONDS_PER_HOUR) - 23) * SECONDS_PER_HOUR
  return (Math.floor(nowSeconds / SECONDS_PER_DAY) - DAYS[range] + 1) * SECONDS_PER_DAY
}

/** The step of a range's timeline: hours for `24h`, days otherwise. In seconds. */
export function rangeStep(range: Range): number {
  return range === '24h' ? SECONDS_PER_HOUR : SECONDS_PER_DAY
}
