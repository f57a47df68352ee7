import { MAX_HELD_BYTES, MAX_HELD_MESSAGES } from '../bus.ts'

export interface HeldMessage {
  readonly channel: string
  readonly payload: Uint8Array
}

/** Messages that wait for the other side to come back, oldest first; the oldest give way. */
export class HeldMessages {
  #messages: HeldMessage[] = []
  #bytes = 0

  get size(): number {
    return this.#messages.length
  }

  /** Returns how many messages were dropped for it, or because it is itself too large. */
  push(message: HeldMessage): number {
    this.#messages.push(message)
    this.#bytes += message.payload.length
    let dropped = 0
    while (this.#messages.length - dropped > MAX_HELD_MESSAGES || this.#bytes > MAX_HELD_BYTES) {
      this.#bytes -= this.#messages[dropped]!.payload.length
      dropped++
    }
    if (dropped > 0) this.#messages.splice(0, dropped)
    return dropped
  }

  takeAll(): readonly HeldMessage[] {
    const messages = this.#messages
    this.#messages = []
    this.#bytes = 0
    return messages
  }
}
