/** Work that is done one after the other, in the order in which it came. */
export class Turns {
  readonly #max: number
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  /** @param max how many may wait or be under way. */
  constructor(max: number) {
    this.#max = max
  }

  get isFull(): boolean {
    return this.#waiting >= this.#max
  }

  /** Rejects with what the work throws; what comes behind is done all the same. Ask `isFull` before. */
  take<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++
    const done = this.#last.then(work).finally(() => {
      this.#waiting--
    })
    this.#last = done.catch(() => {})
    return done
  }

  /** Resolves when everything that was asked for until now is done. */
  async settled(): Promise<void> {
    await this.#last
  }
}
