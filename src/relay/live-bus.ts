import type { NostrEvent } from '../nostr/index.ts'
import type { LiveEvent } from './event-frames.ts'

export type LiveListener = (event: NostrEvent, json: Uint8Array, seq: number) => void

/** Carries new events to the other threads and processes that have subscribers. Never back to its sender. */
export interface LiveBus {
  publish(live: LiveEvent): void
  /**
   * @param listener called for each event that another member published.
   * @param options.isWanted asked before an event is decoded; false saves the work.
   * @returns how to stop listening.
   */
  subscribe(listener: LiveListener, options: { readonly isWanted: () => boolean }): () => void
}

/** The bus of a relay that is one thread: nobody else is there. */
export const lonelyBus: LiveBus = {
  publish: () => {},
  subscribe: () => () => {},
}
