import { DayFingerprints } from './day-fingerprints.ts'

/** The newest days stay in any case: nearly everything is of them, and to load them for each batch would be no bound at all. */
const DAYS_KEPT = 2

/**
 * What was counted, by day of `created_at` (days since 1970). Days that are on disk whole may leave the memory, those
 * used longest ago first; they must be loaded again before anything of them is counted.
 */
export class FingerprintDays {
  readonly #seed: number
  readonly #maxBytes: number
  readonly #inMemory = new Map<number, DayFingerprints>()
  readonly #onDisk: Set<number>
  /** Days of the checkpoint that was taken last. */
  #pending: number[] = []
  #uses = 0
  /** Used last: most observations are of the day of the one before. */
  #latestDay = -1
  #latest: DayFingerprints | undefined

  constructor({
    seed,
    maxBytes,
    onDisk = [],
  }: { seed: number; maxBytes: number; onDisk?: readonly number[] }) {
    this.#seed = seed
    this.#maxBytes = maxBytes
    this.#onDisk = new Set(onDisk)
  }

  /** Whether it has to be loaded before it is used. */
  isMissing(day: number): boolean {
    return !this.#inMemory.has(day) && this.#onDisk.has(day)
  }

  /** For counting; a day that nothing is known of begins empty. */
  use(day: number): DayFingerprints {
    if (day === this.#latestDay && this.#latest !== undefined) return this.#latest
    const there = this.#inMemory.get(day) ?? this.#begin(day)
    there.usedAt = ++this.#uses
    this.#latestDay = day
    this.#latest = there
    return there
  }

  load(day: number, parts: readonly Uint8Array[]): void {
    const there = this.use(day)
    for (const part of parts) there.load(part)
  }

  /** By day, those that no checkpoint on disk holds. */
  checkpoint(): Map<number, Uint8Array> {
    const parts = new Map<number, Uint8Array>()
    for (const _ of this.checkpointInto(parts));
    return parts
  }

  /** The same, a day at a time; nothing may be added before it is done. */
  *checkpointInto(parts: Map<number, Uint8Array>): Generator<void> {
    for (const [day, there] of this.#inMemory) {
      const bytes = there.checkpoint()
      if (bytes !== undefined) parts.set(day, bytes)
      yield
    }
    this.#pending = [...parts.keys()]
  }

  commitCheckpoint(): void {
    for (const day of this.#pending) {
      this.#inMemory.get(day)?.commitCheckpoint()
      this.#onDisk.add(day)
    }
    this.#pending = []
    this.evict()
  }

  /** Drops days until the rest is within the bound; those that are not on disk stay, and the newest. */
  evict(): void {
    let bytes = this.bytes
    if (bytes <= this.#maxBytes) return
    this.#latest = undefined
    const kept = new Set([...this.#inMemory.keys()].toSorted((a, b) => b - a).slice(0, DAYS_KEPT))
    for (const [day, there] of [...this.#inMemory].toSorted(([, a], [, b]) => a.usedAt - b.usedAt)) {
      if (kept.has(day) || !there.isSettled) continue
      bytes -= there.bytes
      this.#inMemory.delete(day)
      if (bytes <= this.#maxBytes) return
    }
  }

  get bytes(): number {
    let bytes = 0
    for (const there of this.#inMemory.values()) bytes += there.bytes
    return bytes
  }

  get fingerprints(): number {
    let count = 0
    for (const there of this.#inMemory.values()) count += there.count
    return count
  }

  get daysInMemory(): number {
    return this.#inMemory.size
  }

  #begin(day: number): DayFingerprints {
    const begun = new DayFingerprints(this.#seed)
    this.#inMemory.set(day, begun)
    return begun
  }
}
