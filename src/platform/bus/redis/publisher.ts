import type { Redis } from 'ioredis'
import { HeldMessages } from './held-messages.ts'

/** Bytes that may be on their way to Redis; beyond it messages are held like those without a connection. */
const MAX_UNDER_WAY_BYTES = 16 * 1024 * 1024

export interface PublisherDeps {
  readonly client: Redis
  readonly isUsable: () => boolean
  readonly channelName: (channel: string) => string
}

/** Sends messages, and holds them while that cannot be. */
export class Publisher {
  readonly #deps: PublisherDeps
  readonly #held = new HeldMessages()
  #underWayBytes = 0
  published = 0
  dropped = 0

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  get held(): number {
    return this.#held.size
  }

  publish(channel: string, payload: Uint8Array): void {
    // What was held goes first, so that the order of one sender is kept.
    const mustWait = this.#held.size > 0 || this.#underWayBytes + payload.length > MAX_UNDER_WAY_BYTES
    if (mustWait || !this.#deps.isUsable()) this.dropped += this.#held.push({ channel, payload })
    else this.#send(channel, payload)
  }

  /** Sends what was held. */
  release(): void {
    for (const { channel, payload } of this.#held.takeAll()) this.#send(channel, payload)
  }

  /** Gives up what is still held. */
  abandon(): void {
    this.dropped += this.#held.takeAll().length
  }

  #send(channel: string, payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    this.#underWayBytes += bytes.length
    this.#deps.client.publish(this.#deps.channelName(channel), bytes).then(
      () => this.#settle(bytes.length, true),
      // It may have arrived all the same: sent again, it could come twice.
      () => this.#settle(bytes.length, false),
    )
  }

  #settle(bytes: number, isSent: boolean): void {
    this.#underWayBytes -= bytes
    if (isSent) this.published++
    else this.dropped++
    if (this.#held.size > 0 && this.#deps.isUsable()) this.release()
  }
}
