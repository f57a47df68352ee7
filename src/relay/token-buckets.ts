/** How fast one bucket fills and how much it holds. */
export interface BucketRate {
  readonly perSecond: number
  readonly burst: number
}

interface Bucket {
  tokens: number
  filledAtMs: number
}

/** Buckets beyond this many are swept of the full ones, which say no more than a new one. */
const SWEEP_ABOVE = 10_000

/** Token buckets by name (an IP address): a steady rate with room for bursts. */
export class TokenBuckets {
  readonly #rate: BucketRate
  readonly #buckets = new Map<string, Bucket>()
  #sweepAbove = SWEEP_ABOVE

  /** @param rate a rate of 0 per second is no limit. */
  constructor(rate: BucketRate) {
    this.#rate = rate
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Takes one token; false when there is none. */
  take(name: string, nowMs: number): boolean {
    const { perSecond, burst } = this.#rate
    if (perSecond === 0) return true
    let bucket = this.#buckets.get(name)
    if (bucket === undefined) {
      this.#sweep(nowMs)
      bucket = { tokens: burst, filledAtMs: nowMs }
      this.#buckets.set(name, bucket)
    }
    this.#fill(bucket, nowMs)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  #fill(bucket: Bucket, nowMs: number): void {
    const { perSecond, burst } = this.#rate
    const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs)
    bucket.tokens = Math.min(burst, bucket.tokens + (elapsedMs * perSecond) / 1_000)
    bucket.filledAtMs = nowMs
  }

  #sweep(nowMs: number): void {
    if (this.#buckets.size < this.#sweepAbove) return
    for (const [name, bucket] of this.#buckets) {
      this.#fill(bucket, nowMs)
      if (bucket.tokens >= this.#rate.burst) this.#buckets.delete(name)
    }
    // Doubling keeps the cost of sweeping small even when every bucket is in use.
    this.#sweepAbove = Math.max(SWEEP_ABOVE, this.#buckets.size * 2)
  }
}
