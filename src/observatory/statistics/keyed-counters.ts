import type { StateReader, StateWriter } from './state-bytes.ts'
import type { Window } from './window.ts'
import { WindowCounter } from './window-counter.ts'

/** How many counters may still be made; shared by those who draw on it. */
export interface CounterBudget {
  left: number
}

/** A counter for each key (a kind, a language, an offence), as long as the budget allows for new ones. */
export class KeyedCounters {
  readonly #budget: CounterBudget
  readonly #counters = new Map<number, WindowCounter>()

  constructor(budget: CounterBudget) {
    this.#budget = budget
  }

  get bytes(): number {
    let bytes = 0
    for (const counter of this.#counters.values()) bytes += counter.bytes
    return bytes
  }

  add(key: number, amount: number, { hour, seenHour }: { hour: number; seenHour: number }): void {
    this.counter(key)?.add(hour, amount, seenHour)
  }

  /** For the hot path; undefined for a new key beyond the budget. */
  counter(key: number): WindowCounter | undefined {
    const there = this.#counters.get(key)
    if (there !== undefined || this.#budget.left <= 0) return there
    this.#budget.left -= 1
    const counter = new WindowCounter()
    this.#counters.set(key, counter)
    return counter
  }

  countOf(key: number, window: Window): number {
    return this.#counters.get(key)?.within(window) ?? 0
  }

  /** Keys with something in the window, most first. */
  within(window: Window): { readonly key: number; readonly count: number }[] {
    const found: { readonly key: number; readonly count: number }[] = []
    for (const [key, counter] of this.#counters) {
      const count = counter.within(window)
      if (count > 0) found.push({ key, count })
    }
    return found.sort((a, b) => b.count - a.count || a.key - b.key)
  }

  write(writer: StateWriter): void {
    writer.u32(this.#counters.size)
    for (const [key, counter] of this.#counters) {
      writer.u32(key)
      counter.write(writer)
    }
  }

  static read(reader: StateReader, budget: CounterBudget): KeyedCounters {
    const read = new KeyedCounters(budget)
    for (let left = reader.times(16); left > 0; left--) {
      read.#counters.set(reader.u32(), WindowCounter.read(reader))
      budget.left -= 1
    }
    return read
  }
}
