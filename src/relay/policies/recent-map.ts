/**
 * A map that forgets: it keeps at least the last `keep` names that were set, and at most twice as many. Two generations
 * instead of a list of uses: when the young one is full, the old one is dropped at once.
 */
export class RecentMap<V> {
  readonly #keep: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(keep: number) {
    this.#keep = keep
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(name: string): V | undefined {
    return this.#young.get(name) ?? this.#old.get(name)
  }

  set(name: string, value: V): void {
    if (this.#young.size >= this.#keep) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#old.delete(name)
    this.#young.set(name, value)
  }
}
