/** The last so many ids; at most twice as many are kept. */
export class RecentIds {
  readonly #keep: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(keep: number) {
    this.#keep = keep
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id)
  }

  add(id: string): void {
    if (this.#young.size >= this.#keep) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(id)
  }
}
