/** How the rest of the program stores events and brings them to subscribers, as if a client had sent them. */
import type { PutOutcome } from './events/index.ts'
import { systemClock } from './kernel/index.ts'
import { canonicalize, type Filter, type NostrEvent } from './nostr/index.ts'
import { LiveEvent } from './relay/index.ts'
import type { RelayUnit } from './stoa-relay.ts'

/** Events of one page when the store is read through. */
const PAGE_EVENTS = 500

/** Stores one event, whose id and signature were checked, and tells those who listen. */
export async function publishEvent(unit: RelayUnit, event: NostrEvent): Promise<PutOutcome> {
  const json = Buffer.from(canonicalize(event).json)
  const [outcome] = await unit.store.put([json], systemClock.nowSeconds())
  if (outcome?.status === 'stored') unit.publish(new LiveEvent(event, json, outcome.seq))
  // Who listens now gets it; no query can have answered for it.
  if (outcome?.status === 'ephemeral') unit.publish(new LiveEvent(event, json, Number.POSITIVE_INFINITY))
  return outcome ?? { status: 'failed', message: 'no answer' }
}

/** The stored events that match. */
export async function findEvents(unit: RelayUnit, filter: Filter): Promise<readonly NostrEvent[]> {
  const cursor = unit.store.query([filter], systemClock.nowSeconds())
  const found: NostrEvent[] = []
  for (;;) {
    const page = await cursor.next(PAGE_EVENTS)
    for (let index = 0; index < page.count; index++) {
      // What a store gives back is what was checked before it went in.
      found.push(JSON.parse(page.viewAt(index).toString()) as NostrEvent)
    }
    if (page.done) return found
  }
}
