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

/** The two ends of a bus in one thread: the relay's, and that of the program around it, which hears what it stores. */
export function createLocalBus(): { readonly relayBus: LiveBus; readonly mainBus: LiveBus } {
  const toMain = new Set<Member>()
  const toRelay = new Set<Member>()
  return { relayBus: busEnd(toRelay, toMain), mainBus: busEnd(toMain, toRelay) }
}

/** Several buses as one: what is published goes to all of them, what comes from any of them is heard. */
export function joinBuses(...buses: readonly LiveBus[]): LiveBus {
  return {
    publish: (live) => {
      for (const bus of buses) bus.publish(live)
    },
    subscribe: (listener, options) => {
      const leaving = buses.map((bus) => bus.subscribe(listener, options))
      return () => {
        for (const leave of leaving) leave()
      }
    },
  }
}

interface Member {
  readonly listener: LiveListener
  readonly isWanted: () => boolean
}

function busEnd(mine: Set<Member>, theirs: ReadonlySet<Member>): LiveBus {
  return {
    publish: ({ event, json, seq }) => {
      for (const { listener, isWanted } of theirs) if (isWanted()) listener(event, json, seq)
    },
    subscribe: (listener, { isWanted }) => {
      const member = { listener, isWanted }
      mine.add(member)
      return () => mine.delete(member)
    },
  }
}
