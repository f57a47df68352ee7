/** The figures as this process knows them: read once for all who ask, and anew as soon as they have changed. */
import type { Range, SourcedSnapshot, StatisticsSource } from './observatory/index.ts'
import { paced } from './stoa-paced.ts'

export interface HeldFigures {
  readonly source: StatisticsSource
  /** The figures have changed, wherever they are kept. */
  changed(): void
  /** What was read last, however old it is. */
  last(range: Range): SourcedSnapshot | undefined
  /** Tells nobody any more. */
  stop(): void
}

/** Figures are read anew when they are so old, changed or not: what they say of relays and of time moves by itself. */
const FRESH_MS = 1_000
/** Of the database: snapshots come every few minutes, and a change is not in them yet. */
const DATABASE_FRESH_MS = 10_000
/** How often it is told that figures have changed, at most: whoever is told reads them. */
export const TELL_INTERVAL_MS = 500

/** Figures as they were after so many changes. */
interface Held {
  readonly sourced: SourcedSnapshot
  readonly readAtMs: number
  readonly change: number
}

interface Reading {
  readonly change: number
  readonly sourced: Promise<SourcedSnapshot | undefined>
}

/** @param read from wherever the figures can be had; what was held before is shown where it finds none. */
export function holdFigures(read: (range: Range) => Promise<SourcedSnapshot | undefined>): HeldFigures {
  return new Figures(read)
}

class Figures implements HeldFigures {
  readonly #readFigures: (range: Range) => Promise<SourcedSnapshot | undefined>
  readonly #listeners = new Set<() => void>()
  readonly #held = new Map<Range, Held>()
  readonly #readings = new Map<Range, Reading>()
  readonly #tell = paced(() => this.#tellChange(), TELL_INTERVAL_MS)
  /** How many changes were told. */
  #change = 0

  constructor(read: (range: Range) => Promise<SourcedSnapshot | undefined>) {
    this.#readFigures = read
  }

  readonly source: StatisticsSource = {
    snapshot: (range) => this.#snapshot(range),
    onChange: (listener) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
  }

  changed(): void {
    this.#tell()
  }

  last(range: Range): SourcedSnapshot | undefined {
    return this.#held.get(range)?.sourced
  }

  stop(): void {
    this.#tell.stop()
    this.#listeners.clear()
  }

  #tellChange(): void {
    this.#change++
    for (const listener of this.#listeners) listener()
  }

  async #snapshot(range: Range): Promise<SourcedSnapshot | undefined> {
    const held = this.#held.get(range)
    if (held !== undefined && this.#isFresh(held)) return held.sourced
    return (await this.#read(range)) ?? held?.sourced
  }

  #isFresh({ sourced, readAtMs, change }: Held): boolean {
    const ageMs = performance.now() - readAtMs
    if (sourced.from === 'database') return ageMs < DATABASE_FRESH_MS
    return change === this.#change && ageMs < FRESH_MS
  }

  /** One question at a time for all who ask; but one that was asked before a change may not know of it. */
  #read(range: Range): Promise<SourcedSnapshot | undefined> {
    const change = this.#change
    const before = this.#readings.get(range)
    if (before?.change === change) return before.sourced
    const sourced = this.#readAndHold(range, change).finally(() => {
      if (this.#readings.get(range)?.change === change) this.#readings.delete(range)
    })
    this.#readings.set(range, { change, sourced })
    return sourced
  }

  async #readAndHold(range: Range, change: number): Promise<SourcedSnapshot | undefined> {
    const sourced = await this.#readFigures(range)
    const isNewest = (this.#held.get(range)?.change ?? 0) <= change
    if (sourced !== undefined && isNewest)
      this.#held.set(range, { sourced, readAtMs: performance.now(), change })
    return sourced
  }
}
