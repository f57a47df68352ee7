/** How what was started is ended: last first, all of it, whatever fails. */
export class Endings {
  readonly #all: (() => unknown)[] = []

  add(ending: () => unknown): void {
    this.#all.push(ending)
  }

  /** Rejects with what failed first, when all of it has ended. */
  async run(): Promise<void> {
    const failures: unknown[] = []
    for (const ending of this.#all.splice(0).toReversed()) {
      try {
        await ending()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
