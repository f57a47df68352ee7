/**
 * Collects durations in a fixed 16 KiB whatever their number: buckets grow with the value, so that a percentile
 * is at most 3 % too high. Made for millions of deliveries, where keeping each would weigh on the load's core.
 */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0
  #maxMicros = 0

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMicros / 1000
  }

  /** Negative durations count as zero, those beyond an hour as an hour. */
  record(durationMs: number): void {
    const micros = Math.min(MAX_MICROS, Math.max(0, Math.round(durationMs * 1000)))
    this.#buckets[bucketOf(micros)]! += 1
    this.#count += 1
    if (micros > this.#maxMicros) this.#maxMicros = micros
  }

  /** The duration that this share (0 to 1) of all durations did not exceed; 0 when there are none. */
  percentileMs(share: number): number {
    let left = Math.ceil(this.#count * share)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#buckets[bucket]!
      if (left <= 0) return Math.min(upperBoundOf(bucket), this.#maxMicros) / 1000
    }
    return this.maxMs
  }
}

// A bucket is 1 µs wide below 64 µs; above, each doubling is cut into 32 buckets.
const STEPS = 32
const STEP_BITS = 5
const MAX_MICROS = 3_600_000_000 - 1
const BUCKETS = 1024

function bucketOf(micros: number): number {
  const shift = Math.max(0, 31 - Math.clz32(micros) - STEP_BITS)
  return shift * STEPS + (micros >>> shift)
}

function upperBoundOf(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket
  const shift = Math.floor(bucket / STEPS) - 1
  return (bucket - shift * STEPS + 1) * 2 ** shift - 1
}
