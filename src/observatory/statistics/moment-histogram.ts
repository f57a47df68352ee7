import { Ring } from './ring.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import { DAYS_HELD, dayOfHour, HOURS_HELD, type Window } from './window.ts'

/**
 * How many keys have their moment (last seen, first seen) in each hour and day. How many have it in a range is a sum over
 * the newest ones. Unlike a counter it must not leave anything out that is later moved away.
 */
export class MomentHistogram {
  readonly #hours: Ring
  readonly #days: Ring
  total = 0

  constructor(hours = new Ring(HOURS_HELD), days = new Ring(DAYS_HELD)) {
    this.#hours = hours
    this.#days = days
  }

  static read(reader: StateReader): MomentHistogram {
    const total = reader.f64()
    const hours = Ring.read(reader, HOURS_HELD)
    const histogram = new MomentHistogram(hours, Ring.read(reader, DAYS_HELD))
    histogram.total = total
    return histogram
  }

  write(writer: StateWriter): void {
    writer.f64(this.total)
    this.#hours.write(writer)
    this.#days.write(writer)
  }

  get bytes(): number {
    return this.#hours.bytes + this.#days.bytes
  }

  add(hour: number): void {
    this.total += 1
    this.#hours.add(hour, 1)
    this.#days.add(dayOfHour(hour), 1)
  }

  move(from: number, to: number): void {
    this.#hours.add(from, -1)
    this.#hours.add(to, 1)
    const fromDay = dayOfHour(from)
    const toDay = dayOfHour(to)
    if (fromDay === toDay) return
    this.#days.add(fromDay, -1)
    this.#days.add(toDay, 1)
  }

  within(window: Window): number {
    if (window.unit === 'all') return this.total
    return (window.unit === 'hour' ? this.#hours : this.#days).since(window.from)
  }
}
