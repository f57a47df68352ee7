import { RefusedCall } from './refused-call.ts'

export type Counted = 'calls' | 'subscriptions'

/** What one caller has under way, and may have. */
export class Quota {
  readonly #most: Readonly<Record<Counted, number>>
  readonly #now: Record<Counted, number> = { calls: 0, subscriptions: 0 }

  constructor(most: Readonly<Record<Counted, number>>) {
    this.#most = most
  }

  /** Returns how to end it, which is harmless twice. @throws RefusedCall BUSY when that would be one too many. */
  begin(counted: Counted): () => void {
    if (this.#now[counted] >= this.#most[counted]) {
      const text = `there are ${this.#most[counted]} ${counted} under way; wait for the end of one`
      throw new RefusedCall({ code: 'BUSY', text })
    }
    this.#now[counted]++
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#now[counted]--
    }
  }
}
