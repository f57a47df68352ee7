/** How long to wait before a link is tried again. */

export interface BackOffOptions {
  readonly minMs: number
  readonly maxMs: number
  /** From 0 to just below 1. */
  readonly random: () => number
}

export interface BackOff {
  /** The next wait in milliseconds: doubled each time up to `maxMs`, a random half of it, so that many do not come at once. */
  nextMs(): number
  /** It went well: begin with `minMs` again. */
  reset(): void
}

export function createBackOff({ minMs, maxMs, random }: BackOffOptions): BackOff {
  let baseMs = minMs
  return {
    nextMs() {
      const waitMs = Math.round(baseMs / 2 + (random() * baseMs) / 2)
      baseMs = Math.min(maxMs, baseMs * 2)
      return waitMs
    },
    reset() {
      baseMs = minMs
    },
  }
}
