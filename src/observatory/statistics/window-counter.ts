import type { StateReader, StateWriter } from './state-bytes.ts'
import { DAYS_HELD, dayOfHour, HOURS_HELD, type Window } from './window.ts'

/** Newest hour, newest day, hours, days. */
const HOURS_AT = 2
const DAYS_AT = HOURS_AT + HOURS_HELD
const WORDS = DAYS_AT + DAYS_HELD

/**
 * How much there was in any of the ranges. Two rings (see `ring.ts`) in one array, since there are thousands of these and
 * each jump in memory costs more than the counting; it is there only once something recent came.
 */
export class WindowCounter {
  #slots: Uint32Array | undefined
  total = 0

  static read(reader: StateReader): WindowCounter {
    const counter = new WindowCounter()
    counter.total = reader.f64()
    if (reader.u32() === 0) return counter
    counter.#slots = new Uint32Array(WORDS)
    for (let word = 0; word < WORDS; word++) counter.#slots[word] = reader.u32()
    return counter
  }

  write(writer: StateWriter): void {
    writer.f64(this.total)
    writer.u32(this.#slots === undefined ? 0 : 1)
    for (const word of this.#slots ?? []) writer.u32(word)
  }

  get bytes(): number {
    return this.#slots?.byteLength ?? 0
  }

  /** `seenHour`: when it became known, or earlier; what was too old for the rings then will never be in a range of them. */
  add(hour: number, amount: number, seenHour: number): void {
    this.total += amount
    const day = dayOfHour(hour)
    if (day <= dayOfHour(seenHour) - DAYS_HELD) return
    this.#slots ??= new Uint32Array(WORDS)
    const slots = this.#slots
    if (hour > slots[0]!) advance(slots, { newestAt: 0, from: HOURS_AT, size: HOURS_HELD, bucket: hour })
    if (hour > slots[0]! - HOURS_HELD) slots[HOURS_AT + (hour % HOURS_HELD)]! += amount
    if (day > slots[1]!) advance(slots, { newestAt: 1, from: DAYS_AT, size: DAYS_HELD, bucket: day })
    if (day > slots[1]! - DAYS_HELD) slots[DAYS_AT + (day % DAYS_HELD)]! += amount
  }

  within(window: Window): number {
    if (window.unit === 'all') return this.total
    const slots = this.#slots
    if (slots === undefined) return 0
    const isHours = window.unit === 'hour'
    const size = isHours ? HOURS_HELD : DAYS_HELD
    const start = isHours ? HOURS_AT : DAYS_AT
    const newest = slots[isHours ? 0 : 1]!
    const first = Math.max(window.from, newest - size + 1)
    let sum = 0
    let at = start + (first % size)
    for (let left = newest - first; left >= 0; left--) {
      sum += slots[at]!
      at += 1
      if (at === start + size) at = start
    }
    return sum
  }
}

interface Advance {
  readonly newestAt: number
  readonly from: number
  readonly size: number
  readonly bucket: number
}

function advance(slots: Uint32Array, { newestAt, from, size, bucket }: Advance): void {
  const newest = slots[newestAt]!
  if (bucket - newest >= size) slots.fill(0, from, from + size)
  else for (let between = newest + 1; between <= bucket; between++) slots[from + (between % size)] = 0
  slots[newestAt] = bucket
}
