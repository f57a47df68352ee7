/** Latencies in steps of a tenth: fine enough for a percentile, and they can be added up over time, relays and regions. */
import type { StateReader, StateWriter } from './state-bytes.ts'
import { DAYS_HELD, dayOfHour, HOURS_HELD, type Window } from './window.ts'

/** Each step is at most so much wider than the one before. */
const RATIO = 1.1
/** The last step begins at 39 s; the first one holds everything below 1.1 ms. */
export const LATENCY_STEPS = 112
const LOG_RATIO = Math.log(RATIO)
const MAX_PER_STEP = 0xffff
/** Three ranges of days, and those of the day before while it turns. */
const MAX_SUMS = 6

export function latencyStep(ms: number): number {
  if (ms < 1) return 0
  return Math.min(LATENCY_STEPS - 1, Math.floor(Math.log(ms) / LOG_RATIO))
}

/**
 * The latency that a share of the measurements is not above, as if those of a step lay evenly in it; undefined without
 * any. Off by less than a tenth.
 */
export function latencyPercentile(counts: ArrayLike<number>, share: number): number | undefined {
  let total = 0
  for (let step = 0; step < counts.length; step++) total += counts[step]!
  if (total === 0) return undefined
  let rank = share * total
  for (let step = 0; step < counts.length; step++) {
    const there = counts[step]!
    if (there > 0 && rank <= there) {
      const low = step === 0 ? 0 : RATIO ** step
      return low + (RATIO ** (step + 1) - low) * (rank / there)
    }
    rank -= there
  }
  return RATIO ** counts.length
}

/** The mean, taking each measurement for the middle of its step: off by less than a twentieth. */
export function latencyAverage(counts: ArrayLike<number>): number | undefined {
  let total = 0
  let sum = 0
  for (let step = 0; step < counts.length; step++) {
    const low = step === 0 ? 0 : RATIO ** step
    total += counts[step]!
    sum += (counts[step]! * (low + RATIO ** (step + 1))) / 2
  }
  return total === 0 ? undefined : sum / total
}

/** Blocks of steps by absolute hour or day; the newest ones are held. */
class StepRing {
  readonly #held: number
  readonly #counts: Uint16Array
  /** By first bucket, the sum from there on: asked for each second, and changed by little. */
  readonly #sums = new Map<number, Uint32Array>()
  #newest = 0

  constructor(held: number) {
    this.#held = held
    this.#counts = new Uint16Array(held * LATENCY_STEPS)
  }

  get bytes(): number {
    return this.#counts.byteLength + this.#sums.size * LATENCY_STEPS * 4
  }

  add(bucket: number, step: number): void {
    if (bucket > this.#newest) this.#advance(bucket)
    if (bucket <= this.#newest - this.#held) return
    const at = (bucket % this.#held) * LATENCY_STEPS + step
    if (this.#counts[at]! === MAX_PER_STEP) return
    this.#counts[at]! += 1
    for (const [from, sums] of this.#sums) if (bucket >= from) sums[step]! += 1
  }

  /** Not to be changed by the caller. */
  since(from: number): Uint32Array {
    const known = this.#sums.get(from)
    if (known !== undefined) return known
    const sums = this.#sumSince(from)
    for (const oldest of this.#sums.keys()) if (this.#sums.size >= MAX_SUMS) this.#sums.delete(oldest)
    this.#sums.set(from, sums)
    return sums
  }

  #sumSince(from: number): Uint32Array {
    const counts = this.#counts
    const sums = new Uint32Array(LATENCY_STEPS)
    for (let bucket = Math.max(from, this.#newest - this.#held + 1); bucket <= this.#newest; bucket++) {
      const at = (bucket % this.#held) * LATENCY_STEPS
      for (let step = 0; step < LATENCY_STEPS; step++) sums[step]! += counts[at + step]!
    }
    return sums
  }

  write(writer: StateWriter): void {
    writer.u32(this.#newest)
    // Most are 0: only those that are not are written, with their place.
    let used = 0
    for (const count of this.#counts) if (count !== 0) used += 1
    writer.u32(used)
    for (let at = 0; at < this.#counts.length; at++) {
      if (this.#counts[at] === 0) continue
      writer.u32(at)
      writer.u32(this.#counts[at]!)
    }
  }

  static read(reader: StateReader, held: number): StepRing {
    const read = new StepRing(held)
    read.#newest = reader.u32()
    for (let left = reader.times(8); left > 0; left--) read.#counts[reader.u32()] = reader.u32()
    return read
  }

  #advance(bucket: number): void {
    const first = Math.max(this.#newest + 1, bucket - this.#held + 1)
    for (let between = first; between <= bucket; between++) {
      const at = (between % this.#held) * LATENCY_STEPS
      this.#counts.fill(0, at, at + LATENCY_STEPS)
    }
    this.#newest = bucket
  }
}

/** The latencies of one relay, 29 KB; of all regions together. */
export class LatencyHistogram {
  #hours = new StepRing(HOURS_HELD)
  #days = new StepRing(DAYS_HELD)
  #total = new Uint32Array(LATENCY_STEPS)

  get bytes(): number {
    return this.#hours.bytes + this.#days.bytes + this.#total.byteLength
  }

  add(hour: number, ms: number): void {
    const step = latencyStep(ms)
    this.#hours.add(hour, step)
    this.#days.add(dayOfHour(hour), step)
    this.#total[step]! += 1
  }

  /** How many measurements of a range fall into each step. */
  within(window: Window): Uint32Array {
    if (window.unit === 'all') return this.#total
    return (window.unit === 'hour' ? this.#hours : this.#days).since(window.from)
  }

  write(writer: StateWriter): void {
    this.#hours.write(writer)
    this.#days.write(writer)
    for (const count of this.#total) writer.u32(count)
  }

  static read(reader: StateReader): LatencyHistogram {
    const read = new LatencyHistogram()
    read.#hours = StepRing.read(reader, HOURS_HELD)
    read.#days = StepRing.read(reader, DAYS_HELD)
    for (let step = 0; step < LATENCY_STEPS; step++) read.#total[step] = reader.u32()
    return read
  }
}
