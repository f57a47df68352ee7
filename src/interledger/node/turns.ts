import { type Refusal, refused } from '../../kernel/index.ts'
import type { IlpAnswer } from './ilp-node.ts'

/** Changes that wait for the one before. */
const MAX_WAITING = 100
const BUSY: Refusal = { code: 'BUSY', text: `${MAX_WAITING} changes wait already; try again in a moment` }

/** Does one thing after another: what is read in a turn is still so when it is written. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** For who asks from outside: refused when too much waits. */
  async ask<T>(act: () => IlpAnswer<T>): IlpAnswer<T> {
    return this.#waiting >= MAX_WAITING ? refused(BUSY) : this.take(act)
  }

  async take<T>(act: () => Promise<T>): Promise<T> {
    this.#waiting++
    const done = this.#last.then(act)
    // Whoever comes next does not care how this one ends.
    this.#last = done.catch(() => {})
    try {
      return await done
    } finally {
      this.#waiting--
    }
  }
}
