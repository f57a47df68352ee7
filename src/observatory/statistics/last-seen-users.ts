import type { UserCount } from '../snapshot.ts'
import { ApproximateUsers, exactly } from './approximate-users.ts'
import { placeOf } from './fingerprint-hash.ts'
import { GROWTH, MAX_LOAD } from './fingerprint-set.ts'
import { MomentHistogram } from './moment-histogram.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import type { Window } from './window.ts'

const SMALLEST = 8
/** Two words of fingerprint, and the hour. */
const COLUMNS = 3
const LAST = 2
/** Of most relays that are known nobody was ever seen: they share these, which are never written to. */
const NO_ROWS = new Uint32Array(0)
const NO_MOMENTS = new MomentHistogram()

/**
 * Distinct users of one relay, one client, one kind: the hour that each was last seen in. An hour of 0 is an empty slot,
 * since nothing counts that is as old.
 */
export class LastSeenUsers {
  readonly #seed: number
  #rows = NO_ROWS
  #capacity = 0
  #count = 0
  #moments = NO_MOMENTS
  #approximate: ApproximateUsers | undefined

  constructor(seed: number) {
    this.#seed = seed
  }

  /** Users that are remembered one by one. */
  get rows(): number {
    return this.#count
  }

  get bytes(): number {
    const moments = this.#moments === NO_MOMENTS ? 0 : this.#moments.bytes
    return this.#rows.byteLength + moments + (this.#approximate?.bytes ?? 0)
  }

  /** @returns how many rows it has more than before: 1 for a new user, else 0. */
  touch(high: number, low: number, hour: number): number {
    if (this.#approximate !== undefined) {
      this.#approximate.add(high, low, hour)
      return 0
    }
    if (this.#capacity === 0) this.#begin()
    const row = this.#rowOf(high, low)
    const last = this.#rows[row + LAST]!
    if (last === 0) {
      this.#put(row, high, low, hour)
      this.#moments.add(hour)
      if (this.#count > this.#capacity * MAX_LOAD) this.#resize(Math.ceil(this.#capacity * GROWTH))
      return 1
    }
    if (hour > last) {
      this.#moments.move(last, hour)
      this.#rows[row + LAST] = hour
    }
    return 0
  }

  within(window: Window): UserCount {
    return this.#approximate?.within(window) ?? exactly(this.#moments.within(window))
  }

  /** Forgets the single users; from now on their number is an estimate. */
  approximate(): void {
    if (this.#approximate !== undefined) return
    const approximate = new ApproximateUsers()
    this.#forEach((high, low, hour) => approximate.add(high, low, hour))
    this.#approximate = approximate
    this.#count = 0
    this.#resize(0)
    this.#moments = NO_MOMENTS
  }

  write(writer: StateWriter): void {
    writer.u32(this.#approximate === undefined ? 0 : 1)
    if (this.#approximate !== undefined) {
      this.#approximate.write(writer)
      return
    }
    this.#moments.write(writer)
    writer.u32(this.#count)
    this.#forEach((high, low, hour) => {
      writer.u32(high)
      writer.u32(low)
      writer.u32(hour)
    })
  }

  static read(reader: StateReader, seed: number): LastSeenUsers {
    const users = new LastSeenUsers(seed)
    if (reader.u32() === 1) {
      users.#approximate = ApproximateUsers.read(reader)
      return users
    }
    const moments = MomentHistogram.read(reader)
    const count = reader.times(COLUMNS * 4)
    if (count === 0) return users
    users.#moments = moments
    users.#resize(Math.max(SMALLEST, Math.ceil(count / MAX_LOAD)))
    for (let left = count; left > 0; left--) {
      const high = reader.u32()
      const low = reader.u32()
      users.#put(users.#rowOf(high, low), high, low, reader.u32())
    }
    return users
  }

  #begin(): void {
    this.#moments = new MomentHistogram()
    this.#resize(SMALLEST)
  }

  #forEach(visit: (high: number, low: number, hour: number) => void): void {
    const rows = this.#rows
    for (let row = 0; row < rows.length; row += COLUMNS)
      if (rows[row + LAST] !== 0) visit(rows[row]!, rows[row + 1]!, rows[row + LAST]!)
  }

  /** Where the row of a user begins, or where it would. */
  #rowOf(high: number, low: number): number {
    const rows = this.#rows
    const end = rows.length
    let row = Math.floor((placeOf(high, low, this.#seed) * this.#capacity) / 0x1_0000_0000) * COLUMNS
    while (rows[row + LAST] !== 0 && (rows[row] !== high || rows[row + 1] !== low)) {
      row += COLUMNS
      if (row === end) row = 0
    }
    return row
  }

  #put(row: number, high: number, low: number, hour: number): void {
    this.#rows[row] = high
    this.#rows[row + 1] = low
    this.#rows[row + LAST] = hour
    this.#count += 1
  }

  #resize(capacity: number): void {
    const before = this.#rows
    const isKept = this.#count > 0
    this.#rows = new Uint32Array(COLUMNS * capacity)
    this.#capacity = capacity
    this.#count = 0
    for (let from = 0; isKept && from < before.length; from += COLUMNS) {
      const high = before[from]!
      const low = before[from + 1]!
      const hour = before[from + LAST]!
      if (hour !== 0) this.#put(this.#rowOf(high, low), high, low, hour)
    }
  }
}
