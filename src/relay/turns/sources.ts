/** Who the thread works for: an address, with all its connections. */
export interface Source {
  /** Time of the thread that went to it of late, in milliseconds, older time counting less. */
  usedMs: number
  connections: number
  /** What is to be done for it when its turn comes, in order. */
  readonly waiting: Work[]
}

export type Work = () => void

/** What was used counts half after so long. */
const HALF_LIFE_MS = 1_000
const DECAY_EVERY_MS = 100
/** Several times what somebody uses who reads a few feeds and writes a note now and then: three hundredths of the thread. */
const HEAVY_MS = 40
/** Whoever has used less than this and is gone is forgotten. */
const FORGOTTEN_MS = 0.1

/** What each address has used of this thread of late. An address that comes back soon is known still. */
export class Sources {
  readonly #byAddress = new Map<string, Source>()
  #decayedAtMs = 0

  /** Addresses that are known. */
  get size(): number {
    return this.#byAddress.size
  }

  open(address: string): Source {
    let source = this.#byAddress.get(address)
    if (source === undefined) {
      source = { usedMs: 0, connections: 0, waiting: [] }
      this.#byAddress.set(address, source)
    }
    source.connections++
    return source
  }

  close(source: Source): void {
    source.connections--
  }

  charge(source: Source, usedMs: number, nowMs: number): void {
    source.usedMs += usedMs
    this.#decay(nowMs)
  }

  /** Has it used so much of late that others go first? */
  isHeavy(source: Source, nowMs: number): boolean {
    this.#decay(nowMs)
    return source.usedMs > HEAVY_MS
  }

  #decay(nowMs: number): void {
    const passedMs = nowMs - this.#decayedAtMs
    if (passedMs < DECAY_EVERY_MS) return
    const factor = 0.5 ** (passedMs / HALF_LIFE_MS)
    this.#decayedAtMs = nowMs
    for (const [address, source] of this.#byAddress) {
      source.usedMs *= factor
      if (source.connections === 0 && source.usedMs < FORGOTTEN_MS) this.#byAddress.delete(address)
    }
  }
}
