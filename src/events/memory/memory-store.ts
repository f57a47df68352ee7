import {
  addressOf,
  compareNewestFirst,
  type Filter,
  isExpired,
  KINDS,
  matchesFilter,
  type NostrEvent,
} from '../../nostr/index.ts'
import { decidePut, type StoredView } from '../rules.ts'
import type { EventCursor, EventPage, EventStore, PutOutcome } from '../store.ts'

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

  query(filters: readonly Filter[], nowSeconds: number): EventCursor {
    const seqAtOpening = this.#lastSeq
    return new MemoryCursor(
      () =>
        select(
          [...this.#stored.values()].filter(({ seq }) => seq <= seqAtOpening),
          filters,
          nowSeconds,
        ),
      (found) => this.#stored.get(found.event.id) === found,
      seqAtOpening,
    )
  }

  count(filters: readonly Filter[], nowSeconds: number): number {
    const unlimited = filters.map((filter) => ({ ...filter, limit: Number.POSITIVE_INFINITY }))
    return select([...this.#stored.values()], unlimited, nowSeconds).length
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

/** What `EventStore.query` promises, word for word: each filter's newest, then their union, newest first. */
function select(
  candidates: readonly StoredEvent[],
  filters: readonly Filter[],
  nowSeconds: number,
): readonly StoredEvent[] {
  const visible = candidates.filter(({ event }) => !isExpired(event, nowSeconds)).sort(newestFirst)
  const found = new Set<StoredEvent>()
  for (const filter of filters) {
    const matches = visible.filter(({ event }) => matchesFilter(filter, event))
    for (const match of matches.slice(0, filter.limit)) found.add(match)
  }
  return [...found].sort(newestFirst)
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
  }
}

function firstValues(event: NostrEvent, name: string): readonly (string | undefined)[] {
  return event.tags.filter((tag) => tag[0] === name).map((tag) => tag[1])
}

/** The bytes were checked before they came here (see `EventStore.put`), so their shape is taken as it is. */
function decodeEvent(bytes: Uint8Array): NostrEvent {
  return JSON.parse(new TextDecoder().decode(bytes))
}
