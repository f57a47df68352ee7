import { type Source, Sources, type Work } from './sources.ts'

/**
 * Work that waits may take so long in one turn of the event loop, while there is somebody who is served at once: what
 * comes in meanwhile is seen after it, and the answers may need further rounds.
 */
const SHORT_TURN_MS = 0.4
/** Otherwise so long: all that is answered in a turn leaves in one write for each connection. */
const LONG_TURN_MS = 8
/** Whoever was served at once may come again within so long. */
const LIKELY_BACK_MS = 100

export interface TurnsDeps {
  /** Time that never goes back, in milliseconds with fractions. */
  readonly nowMs?: () => number
  /** Calls back in the next turn of the event loop. */
  readonly later?: (callback: () => void) => void
  /** Called before each turn: sends the answers of those who did not have to wait. */
  readonly beforeTurn?: () => void
}

/**
 * Shares one thread fairly among those it works for. Who has used little of late is served at once. What is done for
 * others waits for turns in the rounds of the event loop, short while somebody is served at once, in which whoever has
 * used least goes first: so a flood delays the flood, and when nobody else wants the thread, its sender has all of it.
 */
export class Turns {
  readonly #nowMs: () => number
  readonly #later: (callback: () => void) => void
  readonly #beforeTurn: () => void
  readonly #sources = new Sources()
  /** Those with work that waits. */
  readonly #active: Source[] = []
  #isScheduled = false
  #isCharging = false
  /** When somebody who has used little was served last. */
  #servedAtMs = Number.NEGATIVE_INFINITY
  /** Who has used much and came last, and when another one did. */
  #lastHeavy: Source | undefined
  #otherHeavyAtMs = Number.NEGATIVE_INFINITY
  #chargedMs = 0

  constructor({
    nowMs = () => performance.now(),
    later = setImmediate,
    beforeTurn = () => {},
  }: TurnsDeps = {}) {
    this.#nowMs = nowMs
    this.#later = later
    this.#beforeTurn = beforeTurn
  }

  /** Addresses that used the thread of late. */
  get sources(): number {
    return this.#sources.size
  }

  /** Addresses whose work waits for its turn. */
  get waiting(): number {
    return this.#active.length
  }

  /** All that was ever charged. */
  get chargedMs(): number {
    return this.#chargedMs
  }

  /** One more connection from this address; `close` takes it back. */
  open(address: string): Source {
    return this.#sources.open(address)
  }

  close(source: Source): void {
    this.#sources.close(source)
  }

  /**
   * Notes that something has come from this source; true when it is to wait for its turn. Not while it uses little, and not while it is alone: then
   * waiting would only cost.
   */
  defers(source: Source): boolean {
    const nowMs = this.#nowMs()
    if (!this.#sources.isHeavy(source, nowMs)) return false
    if (this.#lastHeavy !== source) {
      if (this.#lastHeavy !== undefined) this.#otherHeavyAtMs = nowMs
      this.#lastHeavy = source
    }
    return (
      this.#active.length > 0 ||
      nowMs - this.#servedAtMs < LIKELY_BACK_MS ||
      nowMs - this.#otherHeavyAtMs < LIKELY_BACK_MS
    )
  }

  /** Time that it took to work for this source, and nobody else has measured. */
  charge(source: Source, usedMs: number): void {
    this.#chargedMs += usedMs
    this.#sources.charge(source, usedMs, this.#nowMs())
  }

  /** Does it at once, or in a later turn for those who must wait. */
  run(source: Source, work: Work): void {
    if (this.defers(source)) this.enqueue(source, work)
    else this.runNow(source, work)
  }

  /** Does it at once, and charges for it; within other work, that is charged already. */
  runNow(source: Source, work: Work): void {
    if (this.#isCharging) {
      work()
      return
    }
    const isHeavy = this.#sources.isHeavy(source, this.#nowMs())
    this.#measure(source, work)
    if (!isHeavy) this.#servedAtMs = this.#nowMs()
  }

  /** Does it when the turn of this source comes, after what already waits for it. */
  enqueue(source: Source, work: Work): void {
    if (source.waiting.length === 0) this.#active.push(source)
    source.waiting.push(work)
    this.#schedule()
  }

  #measure(source: Source, work: Work): void {
    this.#isCharging = true
    const startedMs = this.#nowMs()
    try {
      work()
    } finally {
      this.#isCharging = false
      this.charge(source, this.#nowMs() - startedMs)
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#later(() => this.#takeTurn())
  }

  #takeTurn(): void {
    const startedMs = this.#nowMs()
    const isWanted = startedMs - this.#servedAtMs < LIKELY_BACK_MS
    const endMs = startedMs + (isWanted ? SHORT_TURN_MS : LONG_TURN_MS)
    try {
      this.#beforeTurn()
      do this.#workOnce()
      while (this.#active.length > 0 && this.#nowMs() < endMs)
    } finally {
      // Not before: work that lets more work wait must not ask for a second turn.
      this.#isScheduled = false
      if (this.#active.length > 0) this.#schedule()
    }
  }

  #workOnce(): void {
    const index = this.#leastUsed()
    const source = this.#active[index]
    const work = source?.waiting.shift()
    if (source === undefined || work === undefined) return
    if (source.waiting.length === 0) this.#remove(index)
    this.#measure(source, work)
  }

  #leastUsed(): number {
    const active = this.#active
    let least = 0
    for (let index = 1; index < active.length; index++)
      if (active[index]!.usedMs < active[least]!.usedMs) least = index
    return least
  }

  /** The order of those who wait does not matter. */
  #remove(index: number): void {
    const last = this.#active.pop()
    if (last !== undefined && index < this.#active.length) this.#active[index] = last
  }
}
