const MS = 1_000
/** So many seconds' worth may come at once. */
const BURST_SECONDS = 2

/** Lets so many pass per second, and twice that at once after a rest. */
export class RateBucket {
  #left: number
  #filledAtMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#left = perSecond * BURST_SECONDS
    this.#filledAtMs = nowMs
  }

  /** Takes one; false when none is left. `perSecond` may be another one each time. */
  take(perSecond: number, nowMs: number): boolean {
    // A clock that was set back fills nothing.
    const passedMs = Math.max(0, nowMs - this.#filledAtMs)
    this.#filledAtMs = nowMs
    this.#left = Math.min(perSecond * BURST_SECONDS, this.#left + (passedMs * perSecond) / MS)
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
