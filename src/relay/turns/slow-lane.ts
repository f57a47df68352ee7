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
  readonly #nowMs: () => number
  readonly #waiting: Waiting[] = []
  #isBusy = false

  constructor(turns: Turns, nowMs = () => performance.now()) {
    this.#turns = turns
    this.#nowMs = nowMs
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @param work never rejects. */
  run(source: Source, work: () => Promise<void>): void {
    if (this.#turns.mustWait(source)) {
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

  /** Its steps cannot be told from those of others, so it is charged what passed and nobody else was charged for. */
  async #measure(source: Source, work: () => Promise<void>): Promise<void> {
    const startedMs = this.#nowMs()
    const chargedMs = this.#turns.chargedMs
    await work()
    const passedMs = this.#nowMs() - startedMs - (this.#turns.chargedMs - chargedMs)
    this.#turns.charge(source, Math.max(0, passedMs))
  }
}
