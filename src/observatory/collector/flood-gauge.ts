/** How much one relay may send, in messages and in bytes: two buckets that fill with time. */
export interface FloodBounds {
  readonly messagesPerSecond: number
  readonly burstMessages: number
  readonly bytesPerSecond: number
  readonly burstBytes: number
}

export class FloodGauge {
  readonly #bounds: FloodBounds
  #messages: number
  #bytes: number
  #filledMs: number

  constructor(bounds: FloodBounds, nowMs: number) {
    this.#bounds = bounds
    this.#messages = bounds.burstMessages
    this.#bytes = bounds.burstBytes
    this.#filledMs = nowMs
  }

  /** @returns whether it is too much. */
  take(bytes: number): boolean {
    this.#messages -= 1
    this.#bytes -= bytes
    return this.#messages < 0 || this.#bytes < 0
  }

  /** Whether so many messages may be asked for: what comes then is not too much. */
  hasRoomFor(messages: number): boolean {
    const { burstMessages, burstBytes } = this.#bounds
    return this.#messages >= Math.min(messages, burstMessages / 2) && this.#bytes >= burstBytes / 2
  }

  fill(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#filledMs) / 1_000
    this.#filledMs = nowMs
    const { messagesPerSecond, burstMessages, bytesPerSecond, burstBytes } = this.#bounds
    this.#messages = Math.min(burstMessages, this.#messages + messagesPerSecond * seconds)
    this.#bytes = Math.min(burstBytes, this.#bytes + bytesPerSecond * seconds)
  }
}
