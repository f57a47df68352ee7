import { SECONDS_PER_HOUR } from '../ranges.ts'
import type { Cohort } from '../snapshot.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import { weekOfHour, weekStartSeconds } from './window.ts'

/** As many as there are bits in the mask of a user's weeks. */
export const WEEKS_HELD = 32
/** How many are shown: the week that runs and those before it. */
export const COHORT_WEEKS = 12

/** By week in which users were first seen: how many of them were there in each of the weeks after. */
export class CohortCounts {
  readonly #counts = new Uint32Array(WEEKS_HELD * WEEKS_HELD)
  #newest = 0

  get bytes(): number {
    return this.#counts.byteLength
  }

  /** `amount` of 1: a user whose first week is `first` was there in `week`; −1 takes that back. */
  add(first: number, week: number, amount: number): void {
    if (week > this.#newest) this.#advance(week)
    // A week before the first one is about to become the first one, and is counted then.
    if (first <= this.#newest - WEEKS_HELD || week - first >= WEEKS_HELD || week < first) return
    this.#counts[(first % WEEKS_HELD) * WEEKS_HELD + week - first]! += amount
  }

  /** Cohorts with users in them, oldest first. */
  at(nowSeconds: number): Cohort[] {
    const now = weekOfHour(Math.floor(nowSeconds / SECONDS_PER_HOUR))
    const cohorts: Cohort[] = []
    for (let first = Math.max(now - COHORT_WEEKS + 1, this.#newest - WEEKS_HELD + 1); first <= now; first++) {
      const from = (first % WEEKS_HELD) * WEEKS_HELD
      const users = first > this.#newest ? 0 : this.#counts[from]!
      if (users === 0) continue
      const active = [...this.#counts.subarray(from, from + now - first + 1)]
      cohorts.push({ weekStartSeconds: weekStartSeconds(first), users, active })
    }
    return cohorts
  }

  write(writer: StateWriter): void {
    writer.u32(this.#newest)
    for (const count of this.#counts) writer.u32(count)
  }

  static read(reader: StateReader): CohortCounts {
    const read = new CohortCounts()
    read.#newest = reader.u32()
    for (let cell = 0; cell < read.#counts.length; cell++) read.#counts[cell] = reader.u32()
    return read
  }

  #advance(week: number): void {
    const from = Math.max(this.#newest + 1, week - WEEKS_HELD + 1)
    for (let first = from; first <= week; first++) {
      const row = (first % WEEKS_HELD) * WEEKS_HELD
      this.#counts.fill(0, row, row + WEEKS_HELD)
    }
    this.#newest = week
  }
}
