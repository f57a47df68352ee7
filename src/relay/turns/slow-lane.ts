import type { Source } from './sources.ts'
import type { Turns } from './turns.ts'

interface Waiting {
  readonly source: Source
  readonly work: () => Promise<void>
}

/**
 * For work that takes steps of its own in the event loop, such as counting: those who have used much of the thread of
 * late have theirs done one after the other, whoever has used least first. Others do not wait.
 */
export class SlowLane {
  readonly #turns: Turns
  /** Time that this thread was at work: what the disk or another thread does costs nobody here. */
  readonly #nowMs: () => number
  readonly #waiting: Waiting[] = []
  #isBusy = false
  /** Under way, those that did not wait included. */
  #running = 0

  constructor(turns: Turns, nowMs = () => performance.eventLoopUtilization().active) {
    this.#turns = turns
    this.#nowMs = nowMs
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @param work never rejects. */
  run(source: Source, work: () => Promise<void>): void {
    if (this.#turns.defers(source)) {
      this.#waiting.push({ source, work })
      if (!this.#isBusy) void this.#workOff()
    } else void this.#measure(source, work)
  }

  async #workOff(): Promise<void> {
    this.#isBusy = true
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext())
      await this.#measure(next.source, next.work)
    this.#isBusy = false
  }

  #takeNext(): Waiting | undefined {
    const waiting = this.#waiting
    let least = 0
    for (let index = 1; index < waiting.length; index++)
      if (waiting[index]!.source.usedMs < waiting[least]!.source.usedMs) least = index
    return waiting.splice(least, 1)[0]
  }

  /** Its steps cannot be told from those of others, so it is charged what passed and nobody else was charged for,
   * shared with those who are under way beside it. */
  async #measure(source: Source, work: () => Promise<void>): Promise<void> {
    const startedMs = this.#nowMs()
    const chargedMs = this.#turns.chargedMs
    this.#running++
    await work()
    const passedMs = this.#nowMs() - startedMs - (this.#turns.chargedMs - chargedMs)
    this.#turns.charge(source, Math.max(0, passedMs / this.#running--))
  }
}
