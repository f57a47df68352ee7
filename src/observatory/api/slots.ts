/** So many at a time of something that costs much; those for whom there is no room are sent away at once. */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'

export class Slots {
  readonly #max: number
  #taken = 0
  readonly #holders = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  /**
   * How to give it back, once. Refused when all are taken (`full`), or when the holder has one already (`held`).
   *
   * @param holder who may have one at a time; absent: nobody looks who it is.
   */
  take(holder?: string): Outcome<() => void, 'full' | 'held'> {
    if (holder !== undefined && this.#holders.has(holder)) return refused('held')
    if (this.#taken >= this.#max) return refused('full')
    this.#taken++
    if (holder !== undefined) this.#holders.add(holder)
    let isHeld = true
    return accepted(() => {
      if (!isHeld) return
      isHeld = false
      this.#taken--
      if (holder !== undefined) this.#holders.delete(holder)
    })
  }
}
