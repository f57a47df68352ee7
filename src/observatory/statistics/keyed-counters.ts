import type { StateReader, StateWriter } from './state-bytes.ts'
import { dayOfHour, type RingWindow, type Window } from './window.ts'
import { WindowCounter } from './window-counter.ts'

/** How many counters may still be made; shared by those who draw on it. */
export interface CounterBudget {
  left: number
}

export interface KeyCount {
  readonly key: number
  readonly count: number
}

/** What there is of each counter from a first hour or day on, by index. */
interface Sums {
  unit: RingWindow['unit']
  from: number
  counts: number[]
}

/** A counter for each key (a kind, a language, an offence), as long as the budget allows for new ones. */
export class KeyedCounters {
  readonly #budget: CounterBudget
  /** Index of a key; not there before the first, since of thousands of relays nothing is known yet. */
  #indexes: Map<number, number> | undefined
  readonly #keys: number[] = []
  readonly #counters: WindowCounter[] = []
  /** By place of the range: asked for each second, and changed by little, where all counters fill megabytes. */
  readonly #sums: (Sums | undefined)[] = []

  constructor(budget: CounterBudget) {
    this.#budget = budget
  }

  /** Of the counters. */
  get bytes(): number {
    return this.#counters.reduce((bytes, counter) => bytes + counter.bytes, 0)
  }

  /** For a new key beyond the budget this does nothing. `seenHour`: see `WindowCounter.add`. */
  add(key: number, amount: number, at: { readonly hour: number; readonly seenHour: number }): void {
    const index = this.#indexOf(key)
    if (index === undefined) return
    this.#counters[index]!.add(at.hour, amount, at.seenHour)
    for (const sums of this.#sums) {
      if (sums === undefined) continue
      if ((sums.unit === 'hour' ? at.hour : dayOfHour(at.hour)) >= sums.from) sums.counts[index]! += amount
    }
  }

  countOf(key: number, window: Window): number {
    const index = this.#indexes?.get(key)
    return index === undefined ? 0 : this.#counters[index]!.within(window)
  }

  /** Keys with something in the window, most first. */
  within(window: Window): KeyCount[] {
    const counts = window.unit === 'all' ? undefined : this.#countsWithin(window)
    const found: KeyCount[] = []
    for (let index = 0; index < this.#keys.length; index++) {
      const count = counts === undefined ? this.#counters[index]!.total : counts[index]!
      if (count > 0) found.push({ key: this.#keys[index]!, count })
    }
    return found.sort((a, b) => b.count - a.count || a.key - b.key)
  }

  write(writer: StateWriter): void {
    writer.u32(this.#keys.length)
    for (const [index, key] of this.#keys.entries()) {
      writer.u32(key)
      this.#counters[index]!.write(writer)
    }
  }

  static read(reader: StateReader, budget: CounterBudget): KeyedCounters {
    const read = new KeyedCounters(budget)
    for (let left = reader.times(16); left > 0; left--) read.#put(reader.u32(), WindowCounter.read(reader))
    return read
  }

  #countsWithin(window: RingWindow): readonly number[] {
    const { unit, from, place } = window
    const known = this.#sums[place]
    if (known?.from === from) return known.counts
    const counts = this.#counters.map((counter) => counter.within(window))
    this.#sums[place] = { unit, from, counts }
    return counts
  }

  #indexOf(key: number): number | undefined {
    const there = this.#indexes?.get(key)
    if (there !== undefined || this.#budget.left <= 0) return there
    return this.#put(key, new WindowCounter())
  }

  #put(key: number, counter: WindowCounter): number {
    const index = this.#keys.length
    this.#budget.left -= 1
    this.#indexes ??= new Map()
    this.#indexes.set(key, index)
    this.#keys.push(key)
    this.#counters.push(counter)
    for (const sums of this.#sums) sums?.counts.push(0)
    return index
  }
}
