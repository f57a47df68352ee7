import type { Filter, NostrEvent } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import type { EventCursor, EventPage, EventStore, IdSet, PutOutcome } from '../store.ts'
import { bytesOf, NOW_SECONDS } from './test-event.ts'

/** More empty pages in a row than this is a cursor that will never end. */
const MAX_EMPTY_PAGES = 10_000

/** Puts events as one batch; what happened to each, in a word. */
export async function put(
  store: EventStore,
  events: readonly NostrEvent[],
  nowSeconds = NOW_SECONDS,
): Promise<readonly PutOutcome['status'][]> {
  const outcomes = await store.put(events.map(bytesOf), nowSeconds)
  return outcomes.map(({ status }) => status)
}

/** The ids a query finds, in the order it gives them. */
export async function idsFound(
  store: EventStore,
  filters: readonly Filter[],
  nowSeconds = NOW_SECONDS,
  audience?: Audience,
): Promise<readonly string[]> {
  const texts = await drain(store.query(filters, nowSeconds, audience), [100])
  return texts.map(idIn)
}

/** A set of ids as pairs of seconds and hex, in its order; undefined when there were too many. */
export function pairsIn(
  set: IdSet | undefined,
): readonly (readonly [seconds: number, id: string])[] | undefined {
  if (set === undefined) return undefined
  const ids = Buffer.from(set.ids).toString('hex')
  return Array.from(set.createdAt, (seconds, index) => [seconds, ids.slice(index * 64, index * 64 + 64)])
}

/**
 * Reads a cursor to its end; the JSON texts in order. The page sizes are used in turn, over and over.
 *
 * @throws Error when a page is larger than was asked for, or the cursor does not come to an end.
 */
export async function drain(cursor: EventCursor, pageSizes: readonly number[]): Promise<readonly string[]> {
  const texts: string[] = []
  let emptyPages = 0
  for (let turn = 0; ; turn += 1) {
    const maxEvents = pageSizes[turn % pageSizes.length] ?? 1
    const page = await cursor.next(maxEvents)
    if (page.count > maxEvents)
      throw new Error(`page of ${page.count} events where at most ${maxEvents} were asked for`)
    texts.push(...textsOn(page))
    if (page.done) return texts
    emptyPages = page.count === 0 ? emptyPages + 1 : 0
    if (emptyPages > MAX_EMPTY_PAGES) throw new Error(`cursor not done after ${MAX_EMPTY_PAGES} empty pages`)
  }
}

/** The JSON texts on a page. */
export function textsOn(page: EventPage): readonly string[] {
  return Array.from({ length: page.count }, (_, index) => {
    const target = Buffer.alloc(page.byteLengthAt(index))
    page.copyAt(index, target, 0)
    return target.toString()
  })
}

/** The id inside an event's JSON text. */
export function idIn(text: string): string {
  const event: NostrEvent = JSON.parse(text)
  return event.id
}
