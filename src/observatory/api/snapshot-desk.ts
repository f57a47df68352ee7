/** Asks the source for figures: once for all who ask within a second, and again when it says that they have changed. */
import type { Clock } from '../../kernel/index.ts'
import type { Range } from '../ranges.ts'
import type { SourcedSnapshot, StatisticsSource } from '../snapshot.ts'

/** For so long figures are as they were, where the source does not say otherwise. */
const HOLD_MS = 1_000
/** For so long what was read last is shown while the source fails. */
const STALE_MS = 60_000

interface Held {
  readonly value: SourcedSnapshot | undefined
  readonly atMs: number
  readonly change: number
}

export class SnapshotDesk {
  readonly #source: StatisticsSource
  readonly #clock: Clock
  readonly #held = new Map<Range, Held>()
  readonly #asking = new Map<Range, Promise<SourcedSnapshot | undefined>>()
  readonly #stopListening: () => void
  #change = 0

  constructor(source: StatisticsSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
    this.#stopListening = source.onChange(() => {
      this.#change++
    })
  }

  /** Undefined while there are no figures. Rejects when the source fails and has not answered for a minute. */
  current(range: Range): SourcedSnapshot | undefined | Promise<SourcedSnapshot | undefined> {
    const held = this.#held.get(range)
    const ageMs = held === undefined ? Infinity : this.#clock.nowMs() - held.atMs
    if (held?.value !== undefined && held.change === this.#change && ageMs < HOLD_MS) return held.value
    return this.#ask(range, held)
  }

  close(): void {
    this.#stopListening()
  }

  #ask(range: Range, held: Held | undefined): Promise<SourcedSnapshot | undefined> {
    const asking = this.#asking.get(range)
    if (asking !== undefined) return asking
    const asked = this.#read(range, held).finally(() => this.#asking.delete(range))
    this.#asking.set(range, asked)
    return asked
  }

  async #read(range: Range, held: Held | undefined): Promise<SourcedSnapshot | undefined> {
    // Of before the question: a change that comes meanwhile may not be in the answer.
    const change = this.#change
    const atMs = this.#clock.nowMs()
    try {
      const value = await this.#source.snapshot(range)
      this.#held.set(range, { value, atMs, change })
      return value
    } catch (error) {
      if (held?.value === undefined || atMs - held.atMs > STALE_MS) throw error
      return held.value
    }
  }
}
