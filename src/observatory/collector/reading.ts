import type { RelayCursor } from '../relay-report.ts'
import { PageWalk } from './page-walk.ts'

/** A relay is asked again for what is newer than so long before the last time: events come late, too. */
export const OVERLAP_SECONDS = 600
/** Events may be dated so far ahead of us. */
export const FUTURE_SECONDS = 900

export interface ReadingStart {
  /** What was read before. */
  readonly cursor: RelayCursor
  readonly startSeconds: number
  /** How far back to read, in seconds since 1970. */
  readonly floorSeconds: number
  /** Subscriptions that the kinds are divided among. */
  readonly lanes: number
}

/** How far one subscription's share of the past is read: first what is new since the last time, then what is older. */
interface Lane {
  readonly gap: PageWalk
  readonly older: PageWalk | undefined
}

/** What is still to be read of one relay's past, and how far the cursor may go meanwhile. */
export class Reading {
  /** Where live subscriptions begin, in seconds. */
  readonly sinceSeconds: number
  readonly #base: RelayCursor
  readonly #startSeconds: number
  readonly #lanes: readonly Lane[]

  constructor({ cursor, startSeconds, floorSeconds, lanes }: ReadingStart) {
    const { since, until } = cursor
    this.#base = cursor
    this.#startSeconds = startSeconds
    this.sinceSeconds = until === undefined ? floorSeconds : Math.max(0, until - OVERLAP_SECONDS)
    const gap = { since: this.sinceSeconds, until: startSeconds + FUTURE_SECONDS }
    const hasOlder = until !== undefined && since !== undefined && since > floorSeconds
    this.#lanes = Array.from({ length: lanes }, () => ({
      gap: new PageWalk(gap),
      older: hasOlder ? new PageWalk({ since: floorSeconds, until: since - 1 }) : undefined,
    }))
  }

  /** The walk that a lane goes on with; undefined when it is through. */
  walkOf(lane: number): PageWalk | undefined {
    const { gap, older } = this.#lanes[lane]!
    if (gap.next !== undefined) return gap
    // What is older waits for the gap: the cursor can name one span only.
    return gap.isDone && older?.next !== undefined ? older : undefined
  }

  /** The lane that is behind the others; undefined when all are through. */
  get hindmostLane(): number | undefined {
    let hindmost: number | undefined
    let latest = -1
    for (let lane = 0; lane < this.#lanes.length; lane++) {
      const walk = this.walkOf(lane)
      // Lanes in their gap come before lanes in what is older, and the one that is least far comes first.
      if (walk === undefined || walk.reached <= latest) continue
      latest = walk.reached
      hindmost = lane
    }
    return hindmost
  }

  /** Seconds of which the relay may have more than it sends at once. */
  get uncertainSeconds(): number {
    let sum = 0
    for (const { gap, older } of this.#lanes) sum += gap.uncertainSeconds + (older?.uncertainSeconds ?? 0)
    return sum
  }

  /**
   * What was read whole by now.
   *
   * @param liveUntilSeconds up to when live subscriptions have brought everything; undefined without any.
   */
  cursorAt(liveUntilSeconds: number | undefined): RelayCursor {
    const until = Math.max(this.#startSeconds, liveUntilSeconds ?? 0)
    if (this.#base.until === undefined || this.#base.since === undefined) return this.#firstCursor(until)
    if (!this.#lanes.every(({ gap }) => gap.isDone)) return this.#base
    const reached = this.#lanes.map(({ older }) => older?.reached ?? this.#base.since!)
    return { since: Math.max(...reached), until }
  }

  #firstCursor(until: number): RelayCursor {
    const since = Math.max(...this.#lanes.map(({ gap }) => gap.reached))
    return since > this.#startSeconds ? { since: undefined, until: undefined } : { since, until }
  }
}
