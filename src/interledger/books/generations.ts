/**
 * A map that forgets what is old, whole generations at a time: what was put in last is kept, and what is put in costs no
 * more for it.
 */
export class Generations<V> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Of the generation that is filled now. */
  get youngSize(): number {
    return this.#young.size
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key)
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  set(key: string, value: V): void {
    this.#young.set(key, value)
  }

  /** Begins a generation and forgets the one before the last. */
  turn(): void {
    this.#old = this.#young
    this.#young = new Map()
  }
}
