/** So many at a time of something that costs much; those for whom there is no room are sent away at once. */
export class Slots {
  readonly #max: number
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  /** How to give it back, once; undefined when there is none. */
  take(): (() => void) | undefined {
    if (this.#taken >= this.#max) return undefined
    this.#taken++
    let isHeld = true
    return () => {
      if (isHeld) this.#taken--
      isHeld = false
    }
  }
}
