import type { Clock } from '../../kernel/index.ts'
import type { RouteTable } from './route-table.ts'

/** So long a route that is gone is expected back: longer than the pause before a link is tried again. */
const EXPECTED_MS = 60_000
/** Of more the oldest are forgotten. */
const MAX_LOST = 10_000

/**
 * Tells a destination that nobody leads to just now from one that nobody leads to at all. A route is lost with each
 * break of a link on the way and comes back with it; whoever is told that there is none (F02) gives a payment up for good.
 */
export class LostRoutes {
  readonly #clock: Clock
  readonly #startedAtMs: number
  /** When the last route to a prefix went, in this order. */
  readonly #lostAtMs = new Map<string, number>()

  constructor(table: RouteTable, clock: Clock) {
    this.#clock = clock
    this.#startedAtMs = clock.nowMs()
    table.onChange((prefix, best) => {
      this.#lostAtMs.delete(prefix)
      if (best !== undefined) return
      this.#lostAtMs.set(prefix, clock.nowMs())
      const [oldest] = this.#lostAtMs.keys()
      if (this.#lostAtMs.size > MAX_LOST && oldest !== undefined) this.#lostAtMs.delete(oldest)
    })
  }

  /** The table has not been filled for long: what is not in it may be learned yet, when anybody tells routes. */
  get isNew(): boolean {
    return this.#clock.nowMs() < this.#startedAtMs + EXPECTED_MS
  }

  /** Was there a route to this destination a moment ago? */
  isExpected(destination: string): boolean {
    if (this.#lostAtMs.size === 0) return false
    const sinceMs = this.#clock.nowMs() - EXPECTED_MS
    for (let end = destination.length; end > 0; end = destination.lastIndexOf('.', end - 1))
      if ((this.#lostAtMs.get(destination.slice(0, end)) ?? Number.NEGATIVE_INFINITY) > sinceMs) return true
    return (this.#lostAtMs.get('') ?? Number.NEGATIVE_INFINITY) > sinceMs
  }
}
