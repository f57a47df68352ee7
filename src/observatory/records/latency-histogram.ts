/**
 * Latencies counted by buckets that each reach 15 % further than the one before: the middle of a bucket is within 7 % of all
 * that is in it, and histograms of hours add up to those of days. `observatory_latency` (migration 0013) reads them.
 */
const STEP = Math.log(1.15)
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
