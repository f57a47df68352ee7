import type { Clock } from '../../kernel/index.ts'

const SWEEP_MS = 100

interface Held {
  readonly untilMs: number
  readonly release: () => void
}

/** Waits that must not end before a time; one timer for all, and none when nobody waits. */
export class HeldAnswers {
  readonly #clock: Clock
  #held: Held[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves at this time, or when it is closed. */
  until(untilMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((release) => {
      this.#held.push({ untilMs, release })
      this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS)
    })
  }

  close(): void {
    this.#isClosed = true
    this.#sweep()
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs()
    const isDue = ({ untilMs }: Held) => this.#isClosed || untilMs <= nowMs
    const due = this.#held.filter(isDue)
    this.#held = this.#held.filter((held) => !isDue(held))
    for (const { release } of due) release()
    if (this.#held.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
