/**
 * Latencies counted by buckets that each reach 15 % further than the one before: the middle of a bucket is within 7 % of all
 * that is in it, and histograms of hours add up to those of days. `observatory_latency` (migration 0013) reads them.
 */
const REACH = 1.15
const STEP = Math.log(REACH)
/** The last one has everything from 62 seconds. */
const MAX_BUCKETS = 80

/** Adds measurements in milliseconds to a histogram; it is no longer than its last bucket that is not empty. */
export function countLatencies(histogram: number[], latenciesMs: readonly number[]): void {
  for (const ms of latenciesMs) {
    const bucket = Math.min(MAX_BUCKETS - 1, Math.floor(Math.log1p(ms) / STEP))
    while (histogram.length <= bucket) histogram.push(0)
    histogram[bucket]!++
  }
}

/** Adds one that PostgreSQL has written, like `{0,3,1}`. */
export function addHistogram(sums: number[], written: string): void {
  if (written === '{}') return
  for (const [bucket, count] of written.slice(1, -1).split(',').entries())
    sums[bucket] = (sums[bucket] ?? 0) + Number(count)
}

/**
 * The latency in milliseconds that a share (0 … 1) of the measurements does not exceed, to 7 %; undefined without any. The same as
 * `observatory_latency` of the database.
 */
export function latencyAt(histogram: readonly number[], share: number): number | undefined {
  const total = histogram.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  const wanted = Math.max(1, Math.ceil(share * total))
  let until = 0
  const bucket = histogram.findIndex((count) => {
    until += count
    return until >= wanted
  })
  return REACH ** (bucket + 0.5) - 1
}
