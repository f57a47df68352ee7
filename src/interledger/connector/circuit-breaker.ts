/** Failures in a row that open it. */
const FAILURES_TO_OPEN = 5
const OPEN_MS = 30_000
/** Packets that try whether the peer is back; when so many are answered, it is closed. */
const TRIALS = 2

/**
 * Spares a peer that does not answer, and those who would wait for it: after five failures in a row nothing is sent for
 * 30 s, then two packets try, and when both are answered everything goes again. One more failure, and it waits again.
 * Any answer is a success, a Reject too: it says that the peer is there.
 */
export class CircuitBreaker {
  #failures = 0
  /** Undefined while packets flow freely. */
  #openUntilMs: number | undefined
  #trialsLeft = TRIALS
  #successes = 0

  /** Does it hold packets back now? While trials are under way it still does. */
  get isTripped(): boolean {
    return this.#openUntilMs !== undefined
  }

  /** May this packet leave? Then `succeed`, `fail` or `withdraw` must follow. */
  allow(nowMs: number): boolean {
    if (this.#openUntilMs === undefined) return true
    if (nowMs < this.#openUntilMs || this.#trialsLeft === 0) return false
    this.#trialsLeft--
    return true
  }

  succeed(nowMs: number): void {
    this.#failures = 0
    // An answer to what was sent before it opened is no trial.
    if (this.#openUntilMs === undefined || nowMs < this.#openUntilMs) return
    this.#successes++
    if (this.#successes >= TRIALS) this.#openUntilMs = undefined
    else this.#giveBackTrial()
  }

  fail(nowMs: number): void {
    this.#failures++
    if (this.#openUntilMs === undefined ? this.#failures >= FAILURES_TO_OPEN : nowMs >= this.#openUntilMs)
      this.#openUntil(nowMs + OPEN_MS)
  }

  /** The packet that was allowed did not leave after all. */
  withdraw(): void {
    this.#giveBackTrial()
  }

  /** The connection is a new one: there is no reason to wait any longer before trying. */
  tryNow(nowMs: number): void {
    this.#failures = 0
    if (this.#openUntilMs !== undefined) this.#openUntil(nowMs)
  }

  #openUntil(untilMs: number): void {
    this.#openUntilMs = untilMs
    this.#trialsLeft = TRIALS
    this.#successes = 0
  }

  #giveBackTrial(): void {
    this.#trialsLeft = Math.min(TRIALS, this.#trialsLeft + 1)
  }
}
