import { estimateHyperLogLog, HYPERLOGLOG_REGISTERS, mergeHyperLogLog } from '../../nostr/index.ts'
import type { UserCount } from '../snapshot.ts'
import { addFingerprint, HYPERLOGLOG_ERROR } from './fingerprint-hyperloglog.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import { DAYS_HELD, dayOfHour, HOURS_HELD, type Window } from './window.ts'

/** Registers by hour or day; what is older than is held is one set of registers. */
class BucketedRegisters {
  readonly #held: number
  readonly #buckets = new Map<number, Uint8Array>()
  #older = new Uint8Array(HYPERLOGLOG_REGISTERS)
  #newest = 0

  constructor(held: number) {
    this.#held = held
  }

  add(bucket: number, high: number, low: number): void {
    if (bucket > this.#newest) this.#advance(bucket)
    if (bucket <= this.#newest - this.#held) {
      addFingerprint(this.#older, high, low)
      return
    }
    let registers = this.#buckets.get(bucket)
    if (registers === undefined) {
      registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
      this.#buckets.set(bucket, registers)
    }
    addFingerprint(registers, high, low)
  }

  /** Those of the buckets that are chosen, merged. */
  merged(isChosen: (bucket: number) => boolean, withOlder: boolean): Uint8Array {
    const registers = withOlder ? this.#older.slice() : new Uint8Array(HYPERLOGLOG_REGISTERS)
    for (const [bucket, its] of this.#buckets) if (isChosen(bucket)) mergeHyperLogLog(registers, its)
    return registers
  }

  get bytes(): number {
    return (this.#buckets.size + 1) * HYPERLOGLOG_REGISTERS
  }

  write(writer: StateWriter): void {
    writer.u32(this.#newest)
    writer.bytes(this.#older)
    writer.u32(this.#buckets.size)
    for (const [bucket, registers] of this.#buckets) {
      writer.u32(bucket)
      writer.bytes(registers)
    }
  }

  static read(reader: StateReader, held: number): BucketedRegisters {
    const read = new BucketedRegisters(held)
    read.#newest = reader.u32()
    read.#older.set(reader.bytes().subarray(0, HYPERLOGLOG_REGISTERS))
    for (let left = reader.times(HYPERLOGLOG_REGISTERS); left > 0; left--) {
      const bucket = reader.u32()
      const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
      registers.set(reader.bytes().subarray(0, HYPERLOGLOG_REGISTERS))
      read.#buckets.set(bucket, registers)
    }
    return read
  }

  #advance(bucket: number): void {
    this.#newest = bucket
    for (const [old, registers] of this.#buckets) {
      if (old > bucket - this.#held) continue
      mergeHyperLogLog(this.#older, registers)
      this.#buckets.delete(old)
    }
  }
}

/** Distinct users of the ranges where there are too many to remember each: 33 KB, however many they are. */
export class ApproximateUsers {
  #hours = new BucketedRegisters(HOURS_HELD)
  #days = new BucketedRegisters(DAYS_HELD)

  get bytes(): number {
    return this.#hours.bytes + this.#days.bytes
  }

  /** Notes that a user was there in an hour. */
  add(high: number, low: number, hour: number): void {
    this.#hours.add(hour, high, low)
    this.#days.add(dayOfHour(hour), high, low)
  }

  within(window: Window): UserCount {
    return approximately(this.#estimateWithin(window))
  }

  inHour(hour: number): number {
    return estimateHyperLogLog(this.#hours.merged((bucket) => bucket === hour, false))
  }

  /**
   * Users of a range who were not there before it: all who ever were less all who were before. The error of such a
   * difference is that of its terms, and it says so.
   */
  newWithin(window: Window): UserCount {
    const active = this.#estimateWithin(window)
    if (window.unit === 'all') return approximately(active)
    const all = this.#estimateWithin({ unit: 'all' })
    const buckets = window.unit === 'hour' ? this.#hours : this.#days
    const before = estimateHyperLogLog(buckets.merged((bucket) => bucket < window.from, true))
    const count = Math.min(active, Math.max(0, all - before))
    const error = (Math.hypot(all, before) * HYPERLOGLOG_ERROR) / Math.max(1, count)
    return { count, isApproximate: true, error: Math.min(1, error) }
  }

  write(writer: StateWriter): void {
    this.#hours.write(writer)
    this.#days.write(writer)
  }

  static read(reader: StateReader): ApproximateUsers {
    const read = new ApproximateUsers()
    read.#hours = BucketedRegisters.read(reader, HOURS_HELD)
    read.#days = BucketedRegisters.read(reader, DAYS_HELD)
    return read
  }

  #estimateWithin(window: Window): number {
    if (window.unit === 'all') return estimateHyperLogLog(this.#days.merged(() => true, true))
    const buckets = window.unit === 'hour' ? this.#hours : this.#days
    return estimateHyperLogLog(buckets.merged((bucket) => bucket >= window.from, false))
  }
}

export function exactly(count: number): UserCount {
  return { count, isApproximate: false, error: 0 }
}

function approximately(count: number): UserCount {
  return { count, isApproximate: true, error: HYPERLOGLOG_ERROR }
}
