/** The port between connections and what makes observations of the bytes of EVENT messages. */
import type { NostrEvent } from '../nostr/index.ts'
import type { Offence } from './relay-report.ts'

/** One relay, as the intake sees it. */
export interface RelayFeed {
  /** The number of the relay in the table `relays`. */
  readonly relay: number
  /** Our own: it shows whom nobody else has, and invents nobody. */
  readonly isOwn?: boolean
  /** Is there a subscription of this name that an event of that kind and date answers? */
  isAsked(subscriptionId: string, kind: number, createdAt: number): boolean
  /** Counts one offence against the relay. */
  offend(offence: Offence): void
}

/** Bytes of relays in, observations out. */
export interface EventIntake {
  /**
   * Takes one message that begins with `["EVENT"`. Synchronous, never throws, keeps nothing of the bytes.
   *
   * @returns the event's `created_at` in seconds when it holds, whether or not it was known; −1 otherwise, and for one that
   * is dated more than a quarter of an hour ahead or before Nostr, so that nobody pages by such dates.
   */
  take(feed: RelayFeed, data: Buffer): number
  /** More rows wait than may: whoever reads sockets stops until `onDrain` calls. What was read already is still taken. */
  readonly isFull: boolean
  /** Calls each time it is no longer full. Returns how to stop. */
  onDrain(listener: () => void): () => void
  /**
   * Calls with each event that was verified here and was not seen before. Not with those whose
   * signature another collector has verified: that one has called its listeners. Returns how to stop.
   */
  onEvent(listener: (event: NostrEvent) => void): () => void
}
