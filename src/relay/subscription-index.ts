import type { Filter, NostrEvent, TagCondition } from '../nostr/index.ts'
import { matchesLive } from './live-match.ts'

/** Filters of several kinds and more author-kind pairs than this are filed by author alone, in fewer places. */
const maxPairsPerFilter = 64
/**
 * A bucket this long keeps the place of each of its entries, so that removing one needs no search; in a shorter
 * one the search is quicker than the upkeep (a feed of 75 authors is filed in 36 µs instead of 67).
 */
const minIndexedEntries = 1_024

/**
 * Finds the subscriptions that an event reaches without walking all of them: each filter is filed under its
 * rarest condition (id, author with kind, author, tag value, kind), so an event looks into a few buckets, and
 * only the rest of the filter is checked there. `matchesLive` says what a match is; the property test
 * holds the two equal. An event that reaches 440 of 5,000 everyday subscriptions finds them in 0.02 ms instead
 * of 2.6; one that reaches all of 5,000 equal ones in 0.09 ms (bench/subscription-index.ts).
 */
export class SubscriptionIndex<S> {
  private readonly subscriptions = new Map<S, Subscription<S>>()
  private readonly byId: Shelf<string, S> = new Map()
  private readonly byAuthor: Shelf<string, S> = new Map()
  private readonly byKind: Shelf<number, S> = new Map()
  private readonly byKindAndAuthor = new Map<number, Shelf<string, S>>()
  private readonly byTag = new Map<string, Shelf<string, S>>()
  /** Filters with no condition but time. */
  private readonly rest = new Bucket<S>()
  private eventNumber = 0

  /** How many subscribers there are. */
  get size(): number {
    return this.subscriptions.size
  }

  /** Files a subscription; one that the subscriber already had is replaced. */
  add(subscriber: S, filters: readonly Filter[]): void {
    this.remove(subscriber)
    const subscription: Subscription<S> = { subscriber, entries: [], lastEventNumber: 0 }
    for (const filter of filters) {
      if (matchesNothing(filter)) continue
      const entry = makeEntry(subscription, filter)
      subscription.entries.push(entry)
      this.file(entry)
    }
    this.subscriptions.set(subscriber, subscription)
  }

  /** Takes the subscriber's subscription out; does nothing when there is none. */
  remove(subscriber: S): void {
    const subscription = this.subscriptions.get(subscriber)
    if (subscription === undefined) return
    this.subscriptions.delete(subscriber)
    for (const entry of subscription.entries) this.unfile(entry)
  }

  /**
   * Visits every subscriber with a filter that the event matches, once. `visit` may add and remove
   * subscriptions (whether one added now is visited is open; one removed is not), but not ask for matches.
   */
  forEachMatch(event: NostrEvent, visit: (subscriber: S) => void): void {
    this.eventNumber++
    this.offer(this.byId.get(event.id), event, visit)
    this.offer(this.byAuthor.get(event.pubkey), event, visit)
    this.offer(this.byKind.get(event.kind), event, visit)
    this.offer(this.byKindAndAuthor.get(event.kind)?.get(event.pubkey), event, visit)
    if (this.byTag.size > 0) this.offerByTags(event, visit)
    this.offer(this.rest, event, visit)
  }

  private offerByTags(event: NostrEvent, visit: (subscriber: S) => void): void {
    for (const tag of event.tags) {
      const [name, value] = tag
      if (name === undefined || value === undefined) continue
      this.offer(this.byTag.get(name)?.get(value), event, visit)
    }
  }

  private offer(
    found: Entry<S> | Bucket<S> | undefined,
    event: NostrEvent,
    visit: (subscriber: S) => void,
  ): void {
    if (found === undefined) return
    if (!(found instanceof Bucket)) {
      this.offerToEntry(found, event, visit)
      return
    }
    // Downwards, because removing an entry moves the last one, which was visited by then, into its place.
    const { entries } = found
    for (let index = entries.length - 1; index >= 0; index--) {
      const entry = entries[index]
      // `visit` may have removed several.
      if (entry !== undefined) this.offerToEntry(entry, event, visit)
    }
  }

  private offerToEntry(entry: Entry<S>, event: NostrEvent, visit: (subscriber: S) => void): void {
    const { subscription, kinds, rest } = entry
    if (event.created_at < entry.since || event.created_at > entry.until) return
    if (kinds !== null && !kinds.includes(event.kind)) return
    if (subscription.lastEventNumber === this.eventNumber) return
    if (rest !== null && !matchesLive(rest, event)) return
    subscription.lastEventNumber = this.eventNumber
    visit(subscription.subscriber)
  }

  private file(entry: Entry<S>): void {
    const { place } = entry
    switch (place.by) {
      case 'id':
        for (const id of place.ids) addTo(this.byId, id, entry)
        return
      case 'kindAndAuthor':
        for (const kind of place.kinds) {
          const shelf = shelfOf(this.byKindAndAuthor, kind)
          for (const author of place.authors) addTo(shelf, author, entry)
        }
        return
      case 'author':
        for (const author of place.authors) addTo(this.byAuthor, author, entry)
        return
      case 'tag': {
        const shelf = shelfOf(this.byTag, place.condition.name)
        for (const value of place.values) addTo(shelf, value, entry)
        return
      }
      case 'kind':
        for (const kind of place.kinds) addTo(this.byKind, kind, entry)
        return
      case 'nothing':
        this.rest.add(entry)
    }
  }

  private unfile(entry: Entry<S>): void {
    const { place } = entry
    switch (place.by) {
      case 'id':
        for (const id of place.ids) removeFrom(this.byId, id, entry)
        return
      case 'kindAndAuthor':
        for (const kind of place.kinds) {
          for (const author of place.authors) removeFromNested(this.byKindAndAuthor, kind, author, entry)
        }
        return
      case 'author':
        for (const author of place.authors) removeFrom(this.byAuthor, author, entry)
        return
      case 'tag':
        for (const value of place.values) removeFromNested(this.byTag, place.condition.name, value, entry)
        return
      case 'kind':
        for (const kind of place.kinds) removeFrom(this.byKind, kind, entry)
        return
      case 'nothing':
        this.rest.remove(entry)
    }
  }
}

interface Subscription<S> {
  readonly subscriber: S
  readonly entries: Entry<S>[]
  /** The event it was last visited for, so that two matching filters are one visit. */
  lastEventNumber: number
}

/**
 * One filter of a subscription, and what of it an event does not prove by being looked up at its place: to
 * search 500 authors again for each event of one of them would cost more than all the rest. Time and kinds
 * lie open because `matchesLive`, which meets filters of many shapes, takes ten times as long for them.
 */
interface Entry<S> {
  readonly subscription: Subscription<S>
  readonly place: Place
  /** Seconds; inclusive. */
  readonly since: number
  /** Seconds; inclusive. */
  readonly until: number
  /** Null when any will do, or the place proves it. */
  readonly kinds: readonly number[] | null
  /** All other conditions that the place does not prove; null when there are none. */
  readonly rest: Filter | null
}

/** What a filter is filed under. No list has repeats. */
type Place =
  | { readonly by: 'id'; readonly ids: readonly string[] }
  | { readonly by: 'kindAndAuthor'; readonly kinds: readonly number[]; readonly authors: readonly string[] }
  | { readonly by: 'author'; readonly authors: readonly string[] }
  | { readonly by: 'tag'; readonly condition: TagCondition; readonly values: readonly string[] }
  | { readonly by: 'kind'; readonly kinds: readonly number[] }
  | { readonly by: 'nothing' }

/** Most keys have one entry, which then stands for itself. */
type Shelf<Key, S> = Map<Key, Entry<S> | Bucket<S>>

class Bucket<S> {
  readonly entries: Entry<S>[] = []
  private positions: Map<Entry<S>, number> | null = null

  add(entry: Entry<S>): void {
    this.positions?.set(entry, this.entries.length)
    this.entries.push(entry)
    if (this.entries.length === minIndexedEntries) {
      this.positions = new Map(this.entries.map((each, index) => [each, index]))
    }
  }

  /** Moves the last entry into the place of the one removed. */
  remove(entry: Entry<S>): void {
    const index = this.positions?.get(entry) ?? this.entries.indexOf(entry)
    const last = this.entries.pop()
    this.positions?.delete(entry)
    if (last !== undefined && last !== entry) {
      this.entries[index] = last
      this.positions?.set(last, index)
    }
    if (this.entries.length < minIndexedEntries / 2) this.positions = null
  }
}

/** An empty list can hold no value (NIP-01 lists are ORed), so nothing matches it. */
function matchesNothing({ ids, authors, kinds, tags }: Filter): boolean {
  return (
    ids?.length === 0 ||
    authors?.length === 0 ||
    kinds?.length === 0 ||
    tags?.some(({ values }) => values.length === 0) === true
  )
}

/** The condition that the fewest events fulfil, by the nature of events. */
function choosePlace({ ids, authors, kinds, tags }: Filter): Place {
  if (ids !== undefined) return { by: 'id', ids }
  if (authors !== undefined) {
    const filesPairs =
      kinds !== undefined && (kinds.length === 1 || authors.length * kinds.length <= maxPairsPerFilter)
    return filesPairs ? { by: 'kindAndAuthor', kinds: distinct(kinds), authors } : { by: 'author', authors }
  }
  if (tags !== undefined && tags.length > 0) {
    const condition = tags.reduce((fewest, next) =>
      next.values.length < fewest.values.length ? next : fewest,
    )
    return { by: 'tag', condition, values: distinct(condition.values) }
  }
  return kinds === undefined ? { by: 'nothing' } : { by: 'kind', kinds: distinct(kinds) }
}

function makeEntry<S>(subscription: Subscription<S>, filter: Filter): Entry<S> {
  const place = choosePlace(filter)
  const { kinds, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = filter
  const provesKind = place.by === 'kind' || place.by === 'kindAndAuthor'
  const unprovenKinds = kinds === undefined || provesKind ? null : kinds
  return { subscription, place, since, until, kinds: unprovenKinds, rest: restOf(filter, place) }
}

/** The conditions besides time and kinds that `place` does not prove. */
function restOf({ authors, tags = [], search, spamFrom }: Filter, place: Place): Filter | null {
  // Only an id is filed before authors, and only a tag proves a tag.
  const unprovenTags = place.by === 'tag' ? tags.filter((condition) => condition !== place.condition) : tags
  const words = search === undefined ? NO_WORDS : { search, ...(spamFrom !== undefined && { spamFrom }) }
  if (place.by === 'id' && authors !== undefined) return { authors, tags: unprovenTags, ...words }
  return unprovenTags.length > 0 || search !== undefined ? { tags: unprovenTags, ...words } : null
}

const NO_WORDS = {}

/** A client may repeat a kind or a tag value; an entry is filed once under each. */
function distinct<T>(values: readonly T[]): readonly T[] {
  return values.length === 1 ? values : [...new Set(values)]
}

function shelfOf<Outer, Key, S>(shelves: Map<Outer, Shelf<Key, S>>, key: Outer): Shelf<Key, S> {
  const known = shelves.get(key)
  if (known !== undefined) return known
  const shelf: Shelf<Key, S> = new Map()
  shelves.set(key, shelf)
  return shelf
}

function addTo<Key, S>(shelf: Shelf<Key, S>, key: Key, entry: Entry<S>): void {
  const found = shelf.get(key)
  if (found === undefined) {
    shelf.set(key, entry)
  } else if (found instanceof Bucket) {
    found.add(entry)
  } else {
    const bucket = new Bucket<S>()
    bucket.add(found)
    bucket.add(entry)
    shelf.set(key, bucket)
  }
}

function removeFrom<Key, S>(shelf: Shelf<Key, S>, key: Key, entry: Entry<S>): void {
  const found = shelf.get(key)
  if (found instanceof Bucket) {
    found.remove(entry)
    if (found.entries.length === 1) shelf.set(key, found.entries[0]!)
  } else if (found === entry) {
    shelf.delete(key)
  }
}

function removeFromNested<Outer, Key, S>(
  shelves: Map<Outer, Shelf<Key, S>>,
  outerKey: Outer,
  key: Key,
  entry: Entry<S>,
): void {
  const shelf = shelves.get(outerKey)
  if (shelf === undefined) return
  removeFrom(shelf, key, entry)
  if (shelf.size === 0) shelves.delete(outerKey)
}
