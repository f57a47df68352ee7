/**
 * How long it takes to find the subscriptions that an event reaches: the index against a walk over all.
 * `node --expose-gc bench/subscription-index.ts`
 */
import { type Filter, matchesAnyFilter, type NostrEvent } from '../src/nostr/index.ts'
import { SubscriptionIndex } from '../src/relay/subscription-index.ts'

const authorCount = 5_000
const random = xorshift32(1)
const authors = Array.from({ length: authorCount }, randomHex)
const eventIds = Array.from({ length: 20_000 }, randomHex)

function main(): void {
  const events = Array.from({ length: 2_000 }, makeEvent)
  const rows: Record<string, string | number>[] = []
  for (const size of [1_000, 5_000, 40_000]) {
    const everyday = Array.from({ length: size }, makeFilters)
    rows.push(measure('everyday filters', everyday, events))
    const hot = Array.from({ length: size }, (): Filter[] => [{ kinds: [1], limit: 50 }])
    rows.push(
      measure(
        'all kinds:[1]',
        hot,
        events.filter(({ kind }) => kind === 1),
      ),
    )
    const hotSince = Array.from({ length: size }, (): Filter[] => [{ kinds: [1], since: 1_000 }])
    rows.push(
      measure(
        'all kinds:[1], since',
        hotSince,
        events.filter(({ kind }) => kind === 1),
      ),
    )
  }
  console.table(rows)
}

function measure(name: string, subscriptions: Filter[][], events: readonly NostrEvent[]) {
  const heapBefore = heapBytes()
  const index = new SubscriptionIndex<object>()
  const subscribers = subscriptions.map(() => ({}))
  const addMs = timeMs(() => {
    for (const [at, filters] of subscriptions.entries()) index.add(subscribers[at]!, filters)
  })
  const heapPerSubscription = (heapBytes() - heapBefore) / subscriptions.length

  let visits = 0
  const visit = () => {
    visits++
  }
  const eventsForIndex = repeatUpTo(events, 20_000_000 / subscriptions.length)
  for (const event of eventsForIndex.slice(0, 2_000)) index.forEachMatch(event, visit)
  visits = 0
  const indexMs = timeMs(() => {
    for (const event of eventsForIndex) index.forEachMatch(event, visit)
  })
  const visitsPerEvent = visits / eventsForIndex.length

  const eventsForWalk = repeatUpTo(events, 1_000_000 / subscriptions.length)
  const walkMs = timeMs(() => {
    for (const event of eventsForWalk) {
      for (const filters of subscriptions) if (matchesAnyFilter(filters, event)) visits++
    }
  })
  const removeMs = timeMs(() => {
    for (const subscriber of subscribers) index.remove(subscriber)
  })
  return {
    filters: name,
    subscriptions: subscriptions.length,
    'visits/event': Number(visitsPerEvent.toFixed(1)),
    'index µs/event': Number(((indexMs * 1_000) / eventsForIndex.length).toFixed(2)),
    'walk µs/event': Number(((walkMs * 1_000) / eventsForWalk.length).toFixed(1)),
    'add µs': Number(((addMs * 1_000) / subscriptions.length).toFixed(2)),
    'remove µs': Number(((removeMs * 1_000) / subscriptions.length).toFixed(2)),
    'heap bytes/subscription': Math.round(heapPerSubscription),
  }
}

/** What clients ask for: a feed, notifications, a thread, a profile, the newest of everybody. */
function makeFilters(): Filter[] {
  const turn = random()
  if (turn < 0.35) return [{ authors: someOf(authors, 20 + random() * 180), kinds: [1, 6], since: 1_000 }]
  if (turn < 0.6)
    return [{ kinds: [1, 6, 7, 9735], tags: [{ name: 'p', values: someOf(authors, 1) }], since: 1_000 }]
  if (turn < 0.8)
    return [{ kinds: [1, 7], tags: [{ name: 'e', values: someOf(eventIds, 1 + random() * 20) }] }]
  if (turn < 0.9)
    return [
      { authors: someOf(authors, 1), kinds: [0] },
      { authors: someOf(authors, 1), kinds: [3] },
    ]
  if (turn < 0.98) return [{ ids: someOf(eventIds, 1) }]
  return [{ kinds: [1], limit: 50 }]
}

function makeEvent(): NostrEvent {
  const kind = random() < 0.5 ? 1 : random() < 0.8 ? 7 : 0
  const tags = [
    ['e', pickOften(eventIds)],
    ['p', pickOften(authors)],
  ]
  return { id: randomHex(), pubkey: pickOften(authors), created_at: 2_000, kind, tags, content: '', sig: '' }
}

function someOf(values: readonly string[], count: number): string[] {
  return [...new Set(Array.from({ length: Math.floor(count) }, () => pickOften(values)))]
}

/** Early values more often than late ones, about as Zipf's law has it. */
function pickOften(values: readonly string[]): string {
  return values[Math.floor(values.length ** random()) - 1]!
}

function repeatUpTo<T>(values: readonly T[], count: number): T[] {
  return Array.from(
    { length: Math.ceil(Math.min(count, 200_000)) },
    (_, index) => values[index % values.length]!,
  )
}

function randomHex(): string {
  return Array.from({ length: 8 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('')
}

/** Numbers in [0, 1), the same ones in every run. */
function xorshift32(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** CPU time, which other programs on the machine disturb less than the clock's. */
function timeMs(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1_000
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

main()
