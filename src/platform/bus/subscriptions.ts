import type { BusListener, BusSubscription } from './bus.ts'

interface Channel {
  readonly listeners: Set<BusListener>
  readonly ready: PromiseWithResolvers<void>
}

/** What listening to a bus that is closed gives. */
export const NO_SUBSCRIPTION: BusSubscription = { ready: Promise.resolve(), stop: () => {} }

/** Who listens to which channel, in this process. Both adapters keep their book here. */
export class Subscriptions {
  readonly #channels = new Map<string, Channel>()

  get size(): number {
    return this.#channels.size
  }

  channels(): readonly string[] {
    return [...this.#channels.keys()]
  }

  /**
   * @param options.onFirst called when nobody listened to the channel before.
   * @param options.onLast called when nobody listens any more.
   */
  add(
    name: string,
    listener: BusListener,
    { onFirst, onLast }: { readonly onFirst: () => void; readonly onLast: () => void },
  ): BusSubscription {
    const known = this.#channels.get(name)
    const channel = known ?? { listeners: new Set(), ready: Promise.withResolvers<void>() }
    // A function of its own, so that the same listener may be handed in twice.
    const own: BusListener = (payload) => listener(payload)
    channel.listeners.add(own)
    this.#channels.set(name, channel)
    if (known === undefined) onFirst()
    return { ready: channel.ready.promise, stop: () => this.#remove(name, channel, own, onLast) }
  }

  /** What is published on the channel from now on arrives. */
  markReady(name: string): void {
    this.#channels.get(name)?.ready.resolve()
  }

  /** Nobody waits for anything any more. */
  markAllReady(): void {
    for (const { ready } of this.#channels.values()) ready.resolve()
  }

  /** Hands a message to all listeners of a channel; returns to how many. */
  deliver(name: string, payload: Buffer): number {
    const listeners = [...(this.#channels.get(name)?.listeners ?? [])]
    for (const listener of listeners) call(listener, payload)
    return listeners.length
  }

  #remove(name: string, channel: Channel, listener: BusListener, onLast: () => void): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return
    this.#channels.delete(name)
    channel.ready.resolve()
    onLast()
  }
}

/** A listener that throws is a bug, and is reported as one, but not into the reader of the connection. */
function call(listener: BusListener, payload: Buffer): void {
  try {
    listener(payload)
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}
