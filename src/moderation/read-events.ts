import type { EventStore } from '../events/index.ts'
import type { Filter, NostrEvent } from '../nostr/index.ts'

const PAGE_EVENTS = 500

/** Everything in the store that matches, page by page, for eyes that may see everything. */
export async function* readEvents(
  store: Pick<EventStore, 'query'>,
  filter: Filter,
  nowSeconds: number,
): AsyncGenerator<NostrEvent> {
  const cursor = store.query([filter], nowSeconds)
  try {
    for (;;) {
      const page = await cursor.next(PAGE_EVENTS)
      for (let index = 0; index < page.count; index++) {
        // What is stored was checked before it was.
        yield JSON.parse(page.viewAt(index).toString()) as NostrEvent
      }
      if (page.done) return
    }
  } finally {
    cursor.close?.()
  }
}
