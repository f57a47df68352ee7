/**
 * How many requests somebody has sent in this quarter of an hour. Counted here, so that no request waits for it; what was
 * counted is added up over all processes about once a second.
 */
import type { Clock } from '../../../kernel/index.ts'
import type { SharedCounter } from '../deps.ts'

export const WINDOW_SECONDS = 900
/** Who is remembered; beyond it those who came first are forgotten here, and found again in the shared count. */
export const MAX_SUBJECTS = 50_000
const SHARE_EVERY_MS = 1_000
/** Requests after which the count is shared though a second has not passed. */
const SHARE_EVERY = 20

export interface Taken {
  readonly isAllowed: boolean
  readonly limit: number
  readonly remaining: number
  /** Until the window ends. */
  readonly resetSeconds: number
}

interface Count {
  readonly window: number
  used: number
  unshared: number
  sharedAtMs: number
  isSharing: boolean
}

export class RequestWindows {
  readonly #shared: SharedCounter
  readonly #clock: Clock
  readonly #counts = new Map<string, Count>()

  constructor(shared: SharedCounter, clock: Clock) {
    this.#shared = shared
    this.#clock = clock
  }

  /** Counts `cost` requests of somebody, if they still may; refused ones are not counted. */
  take(subject: string, limit: number, cost = 1): Taken {
    const { window, resetSeconds } = this.#windowOf(subject)
    const count = this.#countOf(subject, window)
    const isAllowed = count.used + cost <= limit
    if (isAllowed) {
      count.used += cost
      count.unshared += cost
    }
    this.#share(subject, count)
    return { isAllowed, limit, remaining: Math.max(0, limit - count.used), resetSeconds }
  }

  /** What `take` of nothing would say; counts nobody. */
  look(subject: string, limit: number): Taken {
    const { window, resetSeconds } = this.#windowOf(subject)
    const count = this.#counts.get(subject)
    const used = count?.window === window ? count.used : 0
    return { isAllowed: used < limit, limit, remaining: Math.max(0, limit - used), resetSeconds }
  }

  /** Windows begin at different times for different people, so that not all come back in the same second. */
  #windowOf(subject: string): { readonly window: number; readonly resetSeconds: number } {
    const shifted = this.#clock.nowSeconds() + (hashOf(subject) % WINDOW_SECONDS)
    return {
      window: Math.floor(shifted / WINDOW_SECONDS),
      resetSeconds: WINDOW_SECONDS - (shifted % WINDOW_SECONDS),
    }
  }

  #countOf(subject: string, window: number): Count {
    const known = this.#counts.get(subject)
    if (known?.window === window) return known
    const fresh: Count = {
      window,
      used: 0,
      unshared: 0,
      sharedAtMs: Number.NEGATIVE_INFINITY,
      isSharing: false,
    }
    this.#counts.delete(subject)
    for (const first of this.#counts.keys()) {
      if (this.#counts.size < MAX_SUBJECTS) break
      this.#counts.delete(first)
    }
    this.#counts.set(subject, fresh)
    return fresh
  }

  #share(subject: string, count: Count): void {
    const isDue = count.unshared >= SHARE_EVERY || this.#clock.nowMs() - count.sharedAtMs >= SHARE_EVERY_MS
    if (!isDue || count.isSharing || count.unshared === 0) return
    count.isSharing = true
    count.sharedAtMs = this.#clock.nowMs()
    const sent = count.unshared
    count.unshared = 0
    // Nobody waits for it: until it is answered, and while the other side is away, this process counts alone.
    void this.#add(`observatory:requests:${subject}:${count.window}`, sent).then((total) => {
      count.isSharing = false
      if (total === undefined) {
        count.unshared += sent
        return
      }
      count.used = total + count.unshared
      // What came meanwhile may be much.
      if (count.unshared >= SHARE_EVERY) this.#share(subject, count)
    })
  }

  /** Never rejects. */
  async #add(key: string, requests: number): Promise<number | undefined> {
    const added = await this.#shared.increment(key, requests)
    if (!added.ok) return undefined
    await this.#shared.renew(key, WINDOW_SECONDS * 1_000)
    return added.value
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}
