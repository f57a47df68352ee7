/** A slice of work takes so long before others have their turn. */
const SLICE_MS = 1
/** The clock is looked at after so many pieces: each costs some tenths of a microsecond, or a few when lists are many. */
const PIECES_PER_LOOK = 128

/** How much of a slice is left, by the clock: what a candidate costs depends on how many lists are merged and how cold they are. */
export class Slice {
  readonly #endMs = performance.now() + SLICE_MS
  #untilLook = PIECES_PER_LOOK

  /** Notes one more small piece of work; true when the time is over. */
  isOver(): boolean {
    if (--this.#untilLook > 0) return false
    return this.isOverNow()
  }

  /** As `isOver`, for pieces that are large themselves. */
  isOverNow(): boolean {
    this.#untilLook = PIECES_PER_LOOK
    return performance.now() >= this.#endMs
  }
}
