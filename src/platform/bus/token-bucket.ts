import type { TokenAnswer, TokenRate } from './bus.ts'

interface Bucket {
  tokens: number
  filledAtMs: number
  fullAtMs: number
}

/** Buckets beyond this many are swept of the full ones, which say no more than new ones. */
const SWEEP_ABOVE = 10_000

/** Buckets by name, of this process alone; rates are above 0. The Lua of `redis/scripts.ts` computes the same. */
export class LocalBuckets {
  readonly #buckets = new Map<string, Bucket>()
  #sweepAbove = SWEEP_ABOVE

  take(
    key: string,
    rate: TokenRate,
    { tokens, nowMs }: { readonly tokens: number; readonly nowMs: number },
  ): Omit<TokenAnswer, 'from'> {
    this.#sweep(nowMs)
    const bucket = this.#buckets.get(key) ?? { tokens: rate.burst, filledAtMs: nowMs, fullAtMs: nowMs }
    const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs)
    const filled = Math.min(rate.burst, bucket.tokens + (elapsedMs * rate.perSecond) / 1_000)
    const isAllowed = filled >= tokens
    bucket.tokens = isAllowed ? filled - tokens : filled
    bucket.filledAtMs = nowMs
    bucket.fullAtMs = nowMs + ((rate.burst - bucket.tokens) / rate.perSecond) * 1_000
    this.#buckets.set(key, bucket)
    return { isAllowed, retryAfterMs: isAllowed ? 0 : retryAfterMs(rate, tokens, tokens - filled) }
  }

  #sweep(nowMs: number): void {
    if (this.#buckets.size < this.#sweepAbove) return
    for (const [key, { fullAtMs }] of this.#buckets) if (fullAtMs <= nowMs) this.#buckets.delete(key)
    // Doubling keeps the cost of sweeping small even when every bucket is in use.
    this.#sweepAbove = Math.max(SWEEP_ABOVE, this.#buckets.size * 2)
  }
}

/** A rate of 0 a second is no limit, here as in the settings: nobody is asked. */
export const UNLIMITED: TokenAnswer = { isAllowed: true, retryAfterMs: 0, from: 'shared' }

/** @param missing how many of the tokens asked for are not there yet. */
export function retryAfterMs(rate: TokenRate, asked: number, missing: number): number {
  if (asked > rate.burst) return Number.POSITIVE_INFINITY
  // Fractions of a token come with fractions that are none.
  return Math.max(1, Math.ceil((missing / rate.perSecond) * 1_000 - 1e-6))
}
