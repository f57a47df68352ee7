import {
  addressOf,
  addToHyperLogLog,
  compareNewestFirst,
  type Filter,
  HYPERLOGLOG_REGISTERS,
  isExpired,
  KINDS,
  matchesFilter,
  type NostrEvent,
} from '../../nostr/index.ts'
import { type Audience, mayRead } from '../audience.ts'
import { decidePut, type StoredView } from '../rules.ts'
import { hasSearchText, isLeftOutAsSpam, MAX_SEARCH_RESULTS, relevanceOf, searchOf } from '../search/index.ts'
import type { CountSketch, EventCursor, EventPage, EventStore, IdSet, PutOutcome } from '../store.ts'

/** A stored event: what it says, and the bytes it came as. */
interface StoredEvent {
  readonly event: NostrEvent
  readonly bytes: Uint8Array
  readonly seq: number
}

/**
 * The event store that is obviously right: one map of events, and every answer a walk over all of it. It is
 * the oracle that the fast engines are held against, and a store for tests; nothing in it survives the
 * process.
 */
export function createMemoryStore(): EventStore {
  return new MemoryStore()
}

class MemoryStore implements EventStore {
  /** Every stored event by id. A stored event that is replaced, deleted, swept or removed leaves the map. */
  readonly #stored = new Map<string, StoredEvent>()
  #lastSeq = 0

  async put(batch: readonly Uint8Array[], nowSeconds: number): Promise<readonly PutOutcome[]> {
    return batch.map((bytes) => this.#putOne(bytes, nowSeconds))
  }

  #putOne(bytes: Uint8Array, nowSeconds: number): PutOutcome {
    const event = decodeEvent(bytes)
    const decision = decidePut(event, viewOf(this.#stored), nowSeconds)
    if (decision.action === 'refuse') return decision.outcome

    for (const id of decision.removes) this.#stored.delete(id)
    this.#lastSeq += 1
    this.#stored.set(event.id, { event, bytes: new Uint8Array(bytes), seq: this.#lastSeq })
    return { status: 'stored', seq: this.#lastSeq }
  }

  has(id: string): boolean {
    return this.#stored.has(id)
  }

  query(filters: readonly Filter[], nowSeconds: number, audience?: Audience): EventCursor {
    const seqAtOpening = this.#lastSeq
    return new MemoryCursor(
      () =>
        select(
          visibleOf(this.#stored, nowSeconds, audience).filter(({ seq }) => seq <= seqAtOpening),
          filters,
        ),
      (found) => this.#stored.get(found.event.id) === found,
      seqAtOpening,
    )
  }

  count(filters: readonly Filter[], nowSeconds: number, audience?: Audience): number {
    return select(visibleOf(this.#stored, nowSeconds, audience), filters.map(withoutLimit)).length
  }

  sketch(filter: Filter, offset: number, nowSeconds: number, audience?: Audience): CountSketch {
    const counted = select(visibleOf(this.#stored, nowSeconds, audience), [withoutLimit(filter)])
    const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
    for (const { event } of counted) addToHyperLogLog(registers, event.pubkey, offset)
    return { count: counted.length, registers }
  }

  idSet(filter: Filter, maxIds: number, nowSeconds: number, audience?: Audience): IdSet | undefined {
    const found = select(visibleOf(this.#stored, nowSeconds, audience), [filter])
    if (found.length > maxIds) return undefined
    const events = found.map(({ event }) => event).sort(compareForReconciliation)
    return {
      createdAt: Float64Array.from(events, ({ created_at }) => created_at),
      ids: new Uint8Array(Buffer.from(events.map(({ id }) => id).join(''), 'hex')),
    }
  }

  async remove(ids: readonly string[]): Promise<number> {
    return ids.filter((id) => this.#stored.delete(id)).length
  }

  async sweepExpired(nowSeconds: number): Promise<number> {
    const expired = [...this.#stored.values()].filter(({ event }) => isExpired(event, nowSeconds))
    return this.remove(expired.map(({ event }) => event.id))
  }

  stats() {
    const byteLengths = [...this.#stored.values()].map(({ bytes }) => bytes.length)
    return {
      events: this.#stored.size,
      diskBytes: 0,
      memoryBytes: byteLengths.reduce((sum, length) => sum + length, 0),
      lastSeq: this.#lastSeq,
    }
  }

  async close(): Promise<void> {
    this.#stored.clear()
  }
}

/** What this reader can find: neither expired nor hidden from them. Newest first. */
function visibleOf(
  stored: ReadonlyMap<string, StoredEvent>,
  nowSeconds: number,
  audience: Audience | undefined,
): readonly StoredEvent[] {
  return [...stored.values()]
    .filter(({ event }) => !isExpired(event, nowSeconds))
    .filter(({ event }) => audience === undefined || mayRead(audience, event))
    .sort(newestFirst)
}

/**
 * What `EventStore.query` promises, word for word: each search's most relevant, then their union, most relevant first;
 * behind them each other filter's newest, then their union, newest first.
 */
function select(visible: readonly StoredEvent[], filters: readonly Filter[]): readonly StoredEvent[] {
  const scores = new Map<StoredEvent, number>()
  for (const filter of filters.filter(hasSearchText)) {
    for (const { match, score } of searchOne(visible, filter)) {
      scores.set(match, Math.max(score, scores.get(match) ?? 0))
    }
  }
  const found = new Set<StoredEvent>()
  for (const filter of filters) {
    if (hasSearchText(filter)) continue
    const matches = visible.filter(({ event }) => matchesFilter(filter, event))
    for (const match of matches.slice(0, filter.limit)) if (!scores.has(match)) found.add(match)
  }
  const searched = [...scores].map(([match, score]) => ({ match, score })).sort(mostRelevantFirst)
  return [...searched.map(({ match }) => match), ...[...found].sort(newestFirst)]
}

/** The most relevant matches of a filter with a search (NIP-50), as far as its limit. */
function searchOne(visible: readonly StoredEvent[], filter: Filter): readonly ScoredEvent[] {
  const question = searchOf(filter)
  return visible
    .filter(({ event }) => matchesFilter(filter, event))
    .filter(({ event }) => !isLeftOutAsSpam(question, event))
    .flatMap((match) => {
      const score = relevanceOf(question.query, match.event)
      return score === undefined ? [] : [{ match, score }]
    })
    .sort(mostRelevantFirst)
    .slice(0, Math.min(filter.limit ?? MAX_SEARCH_RESULTS, MAX_SEARCH_RESULTS))
}

interface ScoredEvent {
  readonly match: StoredEvent
  readonly score: number
}

function mostRelevantFirst(a: ScoredEvent, b: ScoredEvent): number {
  return a.score === b.score ? newestFirst(a.match, b.match) : b.score - a.score
}

function withoutLimit({ limit: _, ...filter }: Filter): Filter {
  return filter
}

/** Oldest first, lowest id first within a second (NIP-77). Lowercase hex sorts as the bytes that it says. */
function compareForReconciliation(a: NostrEvent, b: NostrEvent): number {
  if (a.created_at !== b.created_at) return a.created_at - b.created_at
  return a.id < b.id ? -1 : 1
}

function newestFirst(a: StoredEvent, b: StoredEvent): number {
  return compareNewestFirst(a.event, b.event)
}

/**
 * Reads on the first call, then hands out what is still there. Unlike a fast engine's, it holds its whole
 * result.
 */
class MemoryCursor implements EventCursor {
  readonly #read: () => readonly StoredEvent[]
  readonly #isStillStored: (found: StoredEvent) => boolean
  readonly #snapshotSeq: number
  #rest: readonly StoredEvent[] | undefined

  constructor(
    read: () => readonly StoredEvent[],
    isStillStored: (found: StoredEvent) => boolean,
    snapshotSeq: number,
  ) {
    this.#read = read
    this.#isStillStored = isStillStored
    this.#snapshotSeq = snapshotSeq
  }

  next(maxEvents: number): EventPage {
    const rest = (this.#rest ?? this.#read()).filter(this.#isStillStored)
    this.#rest = rest.slice(maxEvents)
    return pageOf(
      rest.slice(0, maxEvents).map(({ bytes }) => bytes),
      this.#rest.length === 0,
      this.#snapshotSeq,
    )
  }
}

function pageOf(events: readonly Uint8Array[], done: boolean, snapshotSeq: number): EventPage {
  const bytesAt = (index: number): Uint8Array => {
    const bytes = events[index]
    if (bytes === undefined)
      throw new RangeError(`page holds ${events.length} events, asked for index ${index}`)
    return bytes
  }
  return {
    count: events.length,
    done,
    snapshotSeq,
    byteLengthAt: (index) => bytesAt(index).length,
    viewAt: (index) => {
      const { buffer, byteOffset, byteLength } = bytesAt(index)
      return Buffer.from(buffer, byteOffset, byteLength)
    },
    copyAt: (index, target, at) => {
      const bytes = bytesAt(index)
      target.set(bytes, at)
      return bytes.length
    },
  }
}

function viewOf(stored: ReadonlyMap<string, StoredEvent>): StoredView {
  const events = [...stored.values()].map(({ event }) => event)
  const deletionsWith = (name: string, value: string) =>
    events.filter((event) => event.kind === KINDS.DELETION && firstValues(event, name).includes(value))
  return {
    has: (id) => stored.has(id),
    versionsAt: (address) => events.filter((event) => addressOf(event) === address),
    find: (id) => stored.get(id)?.event,
    deletionsNaming: (id) => deletionsWith('e', id).map(({ pubkey }) => pubkey),
    newestAddressDeletion: (address, pubkey) =>
      deletionsWith('a', address)
        .filter((deletion) => deletion.pubkey === pubkey)
        .map((deletion) => deletion.created_at)
        .sort((a, b) => b - a)[0],
    vanishedUntil: (pubkey) =>
      events
        .filter((event) => event.kind === KINDS.VANISH && event.pubkey === pubkey)
        .map((request) => request.created_at)
        .sort((a, b) => b - a)[0],
    eventsUpTo: (pubkey, created_at) =>
      events.filter((event) => event.pubkey === pubkey && event.created_at <= created_at).map(({ id }) => id),
    giftWrapsFor: (pubkey, created_at) =>
      events
        .filter((event) => event.kind === KINDS.GIFT_WRAP && event.created_at <= created_at)
        .filter((event) => firstValues(event, 'p').includes(pubkey))
        .map(({ id }) => id),
  }
}

function firstValues(event: NostrEvent, name: string): readonly (string | undefined)[] {
  return event.tags.filter((tag) => tag[0] === name).map((tag) => tag[1])
}

/** The bytes were checked before they came here (see `EventStore.put`), so their shape is taken as it is. */
function decodeEvent(bytes: Uint8Array): NostrEvent {
  return JSON.parse(new TextDecoder().decode(bytes))
}
