import type { Cohort, UserCount } from '../snapshot.ts'
import { ApproximateUsers, exactly } from './approximate-users.ts'
import { CohortCounts, WEEKS_HELD } from './cohort-counts.ts'
import { placeOf } from './fingerprint-hash.ts'
import { GROWTH, MAX_LOAD } from './fingerprint-set.ts'
import { MomentHistogram } from './moment-histogram.ts'
import { Ring } from './ring.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import { dayOfHour, HOURS_HELD, type Window, weekOfHour } from './window.ts'

const SMALLEST = 64
const COLUMNS = 6
const HOURS_IN_MASK = 32
/** Words of a piece that is written at once. */
const PIECE = 16_384 * COLUMNS

/** Columns of a row. `LAST` of 0 is an empty slot. */
const HIGH = 0
const LOW = 1
const LAST = 2
const FIRST = 3
/** Bit n: was there n hours before its last one. */
const HOURS = 4
/** Bit n: was there n weeks before its last one. */
const WEEKS = 5

/**
 * Every user of the network in a row of 24 bytes: when first and last seen, and in which of the last hours and weeks.
 * What the ranges need is kept beside it and follows each change, so that no figure walks the table.
 */
export class UserTable {
  readonly #seed: number
  readonly #maxUsers: number
  #rows = new Uint32Array(SMALLEST * COLUMNS)
  #capacity = SMALLEST
  #count = 0
  #lastSeen = new MomentHistogram()
  #firstSeen = new MomentHistogram()
  #perHour = new Ring(HOURS_HELD)
  #cohorts = new CohortCounts()
  #approximate: ApproximateUsers | undefined
  /** By day (days since 1970), users first seen in it; as it was when memory no longer sufficed. */
  readonly newByDay = new Map<number, number>()
  /** Days whose number in `newByDay` has changed since this was last cleared. */
  readonly changedDays = new Set<number>()

  constructor({ seed, maxUsers }: { seed: number; maxUsers: number }) {
    this.#seed = seed
    this.#maxUsers = maxUsers
  }

  get rows(): number {
    return this.#count
  }

  get isApproximate(): boolean {
    return this.#approximate !== undefined
  }

  get bytes(): number {
    return (
      this.#rows.byteLength +
      this.#lastSeen.bytes +
      this.#firstSeen.bytes +
      this.#perHour.bytes +
      this.#cohorts.bytes +
      (this.#approximate?.bytes ?? 0)
    )
  }

  /** Notes that a user was there in an hour, whenever that becomes known. */
  touch(high: number, low: number, hour: number): void {
    if (this.#approximate !== undefined) {
      this.#approximate.add(high, low, hour)
      return
    }
    const row = this.#rowOf(high, low)
    const last = this.#rows[row + LAST]!
    if (last === hour) return
    if (last === 0) this.#begin(row, high, low, hour)
    else if (hour > last) this.#moveOn(row, last, hour)
    else this.#fillIn(row, last, hour)
  }

  active(window: Window): UserCount {
    return this.#approximate?.within(window) ?? exactly(this.#lastSeen.within(window))
  }

  /** First seen in the range. */
  new(window: Window): UserCount {
    return this.#approximate?.newWithin(window) ?? exactly(this.#firstSeen.within(window))
  }

  inHour(hour: number): number {
    return this.#approximate?.inHour(hour) ?? this.#perHour.at(hour)
  }

  /** None once figures are approximate: who came back can only be said of users that are remembered. */
  cohorts(nowSeconds: number): Cohort[] {
    return this.isApproximate ? [] : this.#cohorts.at(nowSeconds)
  }

  /** Piece by piece, since there are so many rows. */
  *write(writer: StateWriter): Generator<void> {
    writer.u32(this.newByDay.size)
    for (const [day, users] of this.newByDay) {
      writer.u32(day)
      writer.u32(users)
    }
    writer.u32(this.isApproximate ? 1 : 0)
    if (this.#approximate !== undefined) {
      this.#approximate.write(writer)
      return
    }
    this.#lastSeen.write(writer)
    this.#firstSeen.write(writer)
    this.#perHour.write(writer)
    this.#cohorts.write(writer)
    writer.u32(this.#count)
    for (let row = 0; row < this.#rows.length; row += COLUMNS) {
      if (row % PIECE === 0) yield
      if (this.#rows[row + LAST] === 0) continue
      for (let column = 0; column < COLUMNS; column++) writer.u32(this.#rows[row + column]!)
    }
  }

  static read(reader: StateReader, { seed, maxUsers }: { seed: number; maxUsers: number }): UserTable {
    const table = new UserTable({ seed, maxUsers })
    for (let left = reader.times(8); left > 0; left--) table.newByDay.set(reader.u32(), reader.u32())
    if (reader.u32() === 1) {
      table.#approximate = ApproximateUsers.read(reader)
      return table
    }
    table.#lastSeen = MomentHistogram.read(reader)
    table.#firstSeen = MomentHistogram.read(reader)
    table.#perHour = Ring.read(reader, HOURS_HELD)
    table.#cohorts = CohortCounts.read(reader)
    const count = reader.times(COLUMNS * 4)
    table.#resize(Math.max(SMALLEST, Math.ceil(count / MAX_LOAD) + 1))
    for (let left = count; left > 0; left--) {
      const high = reader.u32()
      const low = reader.u32()
      const row = table.#rowOf(high, low)
      table.#rows[row + HIGH] = high
      table.#rows[row + LOW] = low
      for (let column = LAST; column < COLUMNS; column++) table.#rows[row + column] = reader.u32()
    }
    table.#count = count
    if (count > maxUsers) table.#becomeApproximate()
    return table
  }

  #begin(row: number, high: number, low: number, hour: number): void {
    const rows = this.#rows
    rows[row + HIGH] = high
    rows[row + LOW] = low
    rows[row + LAST] = hour
    rows[row + FIRST] = hour
    rows[row + HOURS] = 1
    rows[row + WEEKS] = 1
    this.#count += 1
    this.#lastSeen.add(hour)
    this.#firstSeen.add(hour)
    this.#perHour.add(hour, 1)
    this.#cohorts.add(weekOfHour(hour), weekOfHour(hour), 1)
    this.#addNew(dayOfHour(hour), 1)
    if (this.#count > this.#maxUsers) this.#becomeApproximate()
    else if (this.#count > this.#capacity * MAX_LOAD) this.#resize(Math.ceil(this.#capacity * GROWTH))
  }

  #moveOn(row: number, last: number, hour: number): void {
    const rows = this.#rows
    this.#lastSeen.move(last, hour)
    this.#perHour.add(hour, 1)
    rows[row + LAST] = hour
    rows[row + HOURS] = shifted(rows[row + HOURS]!, hour - last) | 1
    const week = weekOfHour(hour)
    const weeks = week - weekOfHour(last)
    if (weeks === 0) return
    rows[row + WEEKS] = shifted(rows[row + WEEKS]!, weeks) | 1
    this.#cohorts.add(weekOfHour(rows[row + FIRST]!), week, 1)
  }

  /** It is known by now to have been there before. */
  #fillIn(row: number, last: number, hour: number): void {
    const rows = this.#rows
    const hoursBack = last - hour
    if (hoursBack < HOURS_IN_MASK && ((rows[row + HOURS]! >>> hoursBack) & 1) === 0) {
      rows[row + HOURS]! |= 1 << hoursBack
      this.#perHour.add(hour, 1)
    }
    const lastWeek = weekOfHour(last)
    const weeksBack = lastWeek - weekOfHour(hour)
    if (weeksBack < WEEKS_HELD && ((rows[row + WEEKS]! >>> weeksBack) & 1) === 0) {
      this.#cohorts.add(weekOfHour(rows[row + FIRST]!), lastWeek - weeksBack, 1)
      rows[row + WEEKS]! |= 1 << weeksBack
    }
    const first = rows[row + FIRST]!
    if (hour < first) this.#beganEarlier(row, first, hour)
  }

  #beganEarlier(row: number, first: number, hour: number): void {
    this.#rows[row + FIRST] = hour
    this.#firstSeen.move(first, hour)
    this.#addNew(dayOfHour(first), -1)
    this.#addNew(dayOfHour(hour), 1)
    const [oldWeek, newWeek] = [weekOfHour(first), weekOfHour(hour)]
    if (oldWeek === newWeek) return
    const lastWeek = weekOfHour(this.#rows[row + LAST]!)
    const weeks = this.#rows[row + WEEKS]!
    for (let back = 0; back < WEEKS_HELD; back++) {
      if (((weeks >>> back) & 1) === 0) continue
      this.#cohorts.add(oldWeek, lastWeek - back, -1)
      this.#cohorts.add(newWeek, lastWeek - back, 1)
    }
  }

  #addNew(day: number, amount: number): void {
    this.newByDay.set(day, (this.newByDay.get(day) ?? 0) + amount)
    this.changedDays.add(day)
  }

  #becomeApproximate(): void {
    const approximate = new ApproximateUsers()
    for (let row = 0; row < this.#rows.length; row += COLUMNS) {
      const last = this.#rows[row + LAST]!
      if (last === 0) continue
      const high = this.#rows[row + HIGH]!
      const low = this.#rows[row + LOW]!
      approximate.add(high, low, this.#rows[row + FIRST]!)
      const hours = this.#rows[row + HOURS]!
      for (let back = 0; back < HOURS_IN_MASK; back++)
        if (((hours >>> back) & 1) !== 0) approximate.add(high, low, last - back)
    }
    this.#approximate = approximate
    this.#rows = new Uint32Array(0)
    this.#capacity = 0
    this.#count = 0
  }

  /** Where the row of a user begins, or where it would. */
  #rowOf(high: number, low: number): number {
    const rows = this.#rows
    const end = rows.length
    let row = Math.floor((placeOf(high, low, this.#seed) * this.#capacity) / 0x1_0000_0000) * COLUMNS
    while (rows[row + LAST] !== 0 && (rows[row + HIGH] !== high || rows[row + LOW] !== low)) {
      row += COLUMNS
      if (row === end) row = 0
    }
    return row
  }

  #resize(capacity: number): void {
    const before = this.#rows
    this.#rows = new Uint32Array(capacity * COLUMNS)
    this.#capacity = capacity
    for (let from = 0; from < before.length; from += COLUMNS) {
      if (before[from + LAST] === 0) continue
      const row = this.#rowOf(before[from + HIGH]!, before[from + LOW]!)
      for (let column = 0; column < COLUMNS; column++) this.#rows[row + column] = before[from + column]!
    }
  }
}

/** A shift by 32 is one by 0 in JavaScript. */
function shifted(mask: number, by: number): number {
  return by >= 32 ? 0 : mask << by
}
