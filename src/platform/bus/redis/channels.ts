import type { BusListener, BusSubscription } from '../bus.ts'
import { Subscriptions } from '../subscriptions.ts'
import type { RedisLink } from './link.ts'

/** The channels this process listens to, on a connection of their own; they are asked for anew on every connection. */
export class RedisChannels {
  readonly #link: RedisLink
  readonly #prefix: string
  readonly #subscriptions = new Subscriptions()
  received = 0

  constructor(link: RedisLink, prefix: string) {
    this.#link = link
    this.#prefix = prefix
    link.client.on('messageBuffer', (channel: Buffer, payload: Buffer) => {
      this.received++
      this.#subscriptions.deliver(channel.toString().slice(prefix.length), payload)
    })
  }

  get size(): number {
    return this.#subscriptions.size
  }

  subscribe(channel: string, listener: BusListener): BusSubscription {
    return this.#subscriptions.add(channel, listener, {
      onFirst: () => void this.#ask([channel]),
      onLast: () => void this.#leave(channel),
    })
  }

  /** Asks for every channel on a new connection; resolves to whether Redis has agreed. */
  async askAgain(): Promise<boolean> {
    const channels = this.#subscriptions.channels()
    return channels.length === 0 || this.#ask(channels)
  }

  close(): void {
    this.#subscriptions.markAllReady()
  }

  async #ask(channels: readonly string[]): Promise<boolean> {
    // Without a connection there is nobody to ask: the next one is asked for all.
    if (!this.#link.isReady) return false
    try {
      await this.#link.client.subscribe(...channels.map((channel) => this.#prefix + channel))
    } catch {
      // Half a subscription is none: on a new connection everything is asked for again.
      if (this.#link.isReady) this.#link.client.disconnect(true)
      return false
    }
    for (const channel of channels) this.#subscriptions.markReady(channel)
    return true
  }

  async #leave(channel: string): Promise<void> {
    if (!this.#link.isReady) return
    // If it fails the connection is gone, and the subscription with it.
    await this.#link.client.unsubscribe(this.#prefix + channel).catch(() => {})
  }
}
