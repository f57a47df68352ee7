import type { EventStore } from '../../events/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'

const EVENTS_PER_BATCH = 1_000

/** Puts events into a store as they are: nobody looks at their signatures. */
export async function fillStore(store: EventStore, events: readonly NostrEvent[]): Promise<void> {
  for (let start = 0; start < events.length; start += EVENTS_PER_BATCH) {
    const batch = events
      .slice(start, start + EVENTS_PER_BATCH)
      .map((event) => Buffer.from(encodeEvent(event)))
    const outcomes = await store.put(batch, nowSeconds())
    const odd = outcomes.find(({ status }) => status !== 'stored' && status !== 'duplicate')
    if (odd !== undefined) throw new Error(`An event of the test was not stored: ${odd.status}`)
  }
}

/** Ids of everything in a store, ascending. */
export async function allIds(store: EventStore): Promise<readonly string[]> {
  const set = await store.idSet({}, 1_000_000, nowSeconds())
  if (set === undefined) throw new Error('The store holds more than a test should.')
  const hex = Buffer.from(set.ids).toString('hex')
  return Array.from({ length: set.createdAt.length }, (_, n) => hex.slice(n * 64, n * 64 + 64)).sort()
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}
