import type { OutageJudge } from './own-outage.ts'
import type { RelayTally } from './relay-tally.ts'

/**
 * Time in which a relay was not connected, held back until it is clear whether that was its fault: of an outage of our own
 * network nothing counts, not even what had passed when it was noticed.
 */
export class AwayTime {
  #fromMs = 0
  #lastedMs = 0

  /** There is time of which it is not clear yet. */
  get isHeld(): boolean {
    return this.#lastedMs > 0
  }

  /** So long until now it was away. */
  add(elapsedMs: number, nowMs: number, tally: RelayTally): void {
    const fromMs = nowMs - elapsedMs
    // Time of before it was last connected: it was there since, and so were we.
    if (this.#lastedMs > 0 && this.#fromMs + this.#lastedMs !== fromMs) this.#count(this.#lastedMs, tally)
    if (this.#lastedMs === 0) this.#fromMs = fromMs
    this.#lastedMs += elapsedMs
  }

  /** Counts what is clear by now; during an outage of our own, what was before it, and forgets the rest. */
  settle(judge: OutageJudge, nowMs: number, tally: RelayTally): void {
    if (this.#lastedMs === 0) return
    this.#count(Math.min(this.#lastedMs, judge.clearUntilMs(nowMs) - this.#fromMs), tally)
    if (judge.isOn) this.#lastedMs = 0
  }

  forget(): void {
    this.#lastedMs = 0
  }

  #count(ms: number, tally: RelayTally): void {
    if (ms <= 0) return
    tally.watched(ms, false)
    this.#fromMs += ms
    this.#lastedMs -= ms
  }
}
