import { HYPERLOGLOG_REGISTERS } from '../../nostr/index.ts'
import { addFingerprint } from './fingerprint-hyperloglog.ts'
import { KeyedCounters } from './keyed-counters.ts'
import { LastSeenUsers } from './last-seen-users.ts'
import { PeriodFigures } from './period-figures.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import { dayOfHour, HOURS_HELD, type Window } from './window.ts'

/** Kinds that are counted one by one; events of further ones are in every other figure. */
export const MAX_KINDS = 4_096
/** As many as one byte has. */
const MAX_LANGUAGES = 256

/** What is counted once for each event, over all relays. */
export class NetworkFigures {
  #hours = new Map<number, PeriodFigures>()
  #newestHour = 0
  /** Every day that ever had an event. */
  days = new Map<number, PeriodFigures>()
  #all = new PeriodFigures()
  kinds = new KeyedCounters({ left: MAX_KINDS })
  languages = new KeyedCounters({ left: MAX_LANGUAGES })
  longFormUsers: LastSeenUsers
  /** By day, HyperLogLog of its users. */
  registers = new Map<number, Uint8Array>()

  constructor(seed: number) {
    this.longFormUsers = new LastSeenUsers(seed)
  }

  get bytes(): number {
    const registers = this.registers.size * HYPERLOGLOG_REGISTERS
    return this.kinds.bytes + this.languages.bytes + this.longFormUsers.bytes + registers
  }

  /** The figures that an event of an hour is counted in: of its hour where it is recent, of its day, and of all time. */
  periodsOf(hour: number): readonly PeriodFigures[] {
    const day = this.day(dayOfHour(hour))
    if (hour > this.#newestHour) this.#advance(hour)
    if (hour <= this.#newestHour - HOURS_HELD) return [day, this.#all]
    return [this.#hour(hour), day, this.#all]
  }

  day(day: number): PeriodFigures {
    const there = this.days.get(day)
    if (there !== undefined) return there
    const begun = new PeriodFigures()
    this.days.set(day, begun)
    return begun
  }

  addDayUser(day: number, high: number, low: number): void {
    this.day(day).users += 1
    let registers = this.registers.get(day)
    if (registers === undefined) {
      registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
      this.registers.set(day, registers)
    }
    addFingerprint(registers, high, low)
  }

  within(window: Window): PeriodFigures {
    if (window.unit === 'all') return this.#all
    const sum = new PeriodFigures()
    for (const [start, figures] of this.periods(window)) if (start >= window.from) sum.addAll(figures)
    return sum
  }

  /** By hour for a window of hours, by day otherwise. */
  periods(window: Window): ReadonlyMap<number, PeriodFigures> {
    return window.unit === 'hour' ? this.#hours : this.days
  }

  write(writer: StateWriter): void {
    writer.u32(this.#newestHour)
    this.#all.write(writer)
    for (const periods of [this.#hours, this.days]) {
      writer.u32(periods.size)
      for (const [start, figures] of periods) {
        writer.u32(start)
        figures.write(writer)
      }
    }
    this.kinds.write(writer)
    this.languages.write(writer)
    this.longFormUsers.write(writer)
    writer.u32(this.registers.size)
    for (const [day, registers] of this.registers) {
      writer.u32(day)
      writer.bytes(registers)
    }
  }

  static read(reader: StateReader, seed: number): NetworkFigures {
    const read = new NetworkFigures(seed)
    read.#newestHour = reader.u32()
    read.#all = PeriodFigures.read(reader)
    read.#hours = readPeriods(reader)
    read.days = readPeriods(reader)
    read.kinds = KeyedCounters.read(reader, { left: MAX_KINDS })
    read.languages = KeyedCounters.read(reader, { left: MAX_LANGUAGES })
    read.longFormUsers = LastSeenUsers.read(reader, seed)
    for (let left = reader.times(HYPERLOGLOG_REGISTERS); left > 0; left--) {
      const day = reader.u32()
      const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
      registers.set(reader.bytes().subarray(0, HYPERLOGLOG_REGISTERS))
      read.registers.set(day, registers)
    }
    return read
  }

  #hour(hour: number): PeriodFigures {
    const there = this.#hours.get(hour)
    if (there !== undefined) return there
    const begun = new PeriodFigures()
    this.#hours.set(hour, begun)
    return begun
  }

  #advance(hour: number): void {
    this.#newestHour = hour
    for (const old of this.#hours.keys()) if (old <= hour - HOURS_HELD) this.#hours.delete(old)
  }
}

function readPeriods(reader: StateReader): Map<number, PeriodFigures> {
  const periods = new Map<number, PeriodFigures>()
  for (let left = reader.times(48); left > 0; left--) periods.set(reader.u32(), PeriodFigures.read(reader))
  return periods
}
