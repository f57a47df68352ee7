import { setTimeout as delay } from 'node:timers/promises'
import { freshEvents } from './events.ts'
import type { WatchedNetwork } from './watched-network.ts'

/** Fresh events that come to the network until it is stopped. */
export interface EventFlow {
  /** How many have come. */
  readonly count: number
  stop(): Promise<void>
}

const TICK_MS = 50
/** Each event comes to so many relays. */
const OVERLAP = 3

/** @param perSecond distinct events; each is signed here. */
export function startEventFlow(network: WatchedNetwork, perSecond: number): EventFlow {
  const next = freshEvents()
  const ending = new AbortController()
  let count = 0
  const urlsOf = (n: number) =>
    Array.from({ length: OVERLAP }, (_, copy) => network.urls[(n * 7 + copy * 11) % network.urls.length]!)
  const flow = async () => {
    while (!ending.signal.aborted) {
      const placed = Array.from({ length: Math.ceil((perSecond * TICK_MS) / 1_000) }, () => ({
        event: next(),
        urls: [...new Set(urlsOf(count++))],
      }))
      network.publish(placed)
      await delay(TICK_MS)
    }
  }
  const flowing = flow()
  return {
    get count() {
      return count
    },
    stop: async () => {
      ending.abort()
      await flowing
    },
  }
}
