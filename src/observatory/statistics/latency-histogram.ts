/** Latencies in steps of a tenth: fine enough for a percentile, and they can be added up over time, relays and regions. */
import { MOST_COUNTED, PackedCounts } from './packed-counts.ts'
import { damaged, type StateReader, type StateWriter } from './state-bytes.ts'
import { DAYS_HELD, dayOfHour, HOURS_HELD, type RingWindow, type Window } from './window.ts'

/** Each step is at most so much wider than the one before. */
const RATIO = 1.1
/** The last step begins at 39 s; the first one holds everything below 1.1 ms. */
export const LATENCY_STEPS = 112
const LOG_RATIO = Math.log(RATIO)
/** Later than any hour or day. */
const NOT_ASKED = 0x3fff_ffff

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

/** What there is from a first bucket on, by step. */
interface StepSums {
  from: number
  readonly counts: Uint32Array
}

/** Counts of steps by absolute hour or day; the newest ones are held. */
class StepRing {
  readonly #held: number
  /** By place in the ring, then step. A relay's latencies of an hour fall into few steps. */
  #counts = new PackedCounts()
  /** By place of the range: asked for each second, and changed by little. */
  readonly #sums: (StepSums | undefined)[] = []
  #newest = 0

  constructor(held: number) {
    this.#held = held
  }

  get bytes(): number {
    return this.#counts.bytes + this.#sums.filter(Boolean).length * LATENCY_STEPS * 4
  }

  add(bucket: number, step: number): void {
    if (bucket > this.#newest) this.#advance(bucket)
    if (bucket <= this.#newest - this.#held) return
    if (!this.#counts.increment((bucket % this.#held) * LATENCY_STEPS + step)) return
    for (const sums of this.#sums) if (sums !== undefined && bucket >= sums.from) sums.counts[step]! += 1
  }

  /** Not to be changed by the caller, and to be read before it is asked for again. */
  since({ from, place }: RingWindow): Uint32Array {
    let sums = this.#sums[place]
    if (sums?.from === from) return sums.counts
    sums ??= { from, counts: new Uint32Array(LATENCY_STEPS) }
    sums.from = from
    this.#sumSince(from, sums.counts)
    this.#sums[place] = sums
    return sums.counts
  }

  #sumSince(from: number, sums: Uint32Array): void {
    sums.fill(0)
    const newestPlace = this.#newest % this.#held
    this.#counts.forEach((place, count) => {
      const back = (newestPlace - Math.floor(place / LATENCY_STEPS) + this.#held) % this.#held
      if (this.#newest - back >= from) sums[place % LATENCY_STEPS]! += count
    })
  }

  write(writer: StateWriter): void {
    writer.u32(this.#newest)
    writer.u32(this.#counts.places)
    this.#counts.forEach((place, count) => {
      writer.u32(place)
      writer.u32(count)
    })
  }

  static read(reader: StateReader, held: number): StepRing {
    const read = new StepRing(held)
    read.#newest = reader.u32()
    const places = reader.times(8)
    read.#counts = new PackedCounts(places)
    for (let left = places; left > 0; left--) {
      const place = reader.u32()
      const count = reader.u32()
      if (place >= held * LATENCY_STEPS || count === 0 || count > MOST_COUNTED)
        throw damaged(`it has ${count} latencies at ${place}`)
      read.#counts.set(place, count)
    }
    return read
  }

  /** Forgets the buckets whose places the new ones take. */
  #advance(bucket: number): void {
    const taken = bucket - this.#newest
    const firstTaken = (this.#newest + 1) % this.#held
    this.#counts.remove(
      (place) => (Math.floor(place / LATENCY_STEPS) - firstTaken + this.#held) % this.#held < taken,
    )
    this.#newest = bucket
    // A sum that began with what is forgotten now would not be what a walk finds.
    for (const sums of this.#sums)
      if (sums !== undefined && sums.from <= bucket - this.#held) sums.from = NOT_ASKED
  }
}

/** The latencies of one relay, of all regions together: half a kilobyte, and four bytes for each step of an hour or day that has any. */
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
    return (window.unit === 'hour' ? this.#hours : this.#days).since(window)
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
