/** How what was started is ended: last first, all of it, whatever fails. */
export class Endings {
  readonly #all: (() => unknown)[] = []

  add(ending: () => unknown): void {
    this.#all.push(ending)
  }

  /** Rejects with what failed first, when all of it has ended, also what was added meanwhile. */
  async run(): Promise<void> {
    const failures: unknown[] = []
    for (let ending = this.#all.pop(); ending !== undefined; ending = this.#all.pop()) {
      try {
        await ending()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** Resolves when it aborts; to race against what may never come. */
export function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
