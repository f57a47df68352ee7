import type { Durations } from '../kernel/index.ts'
import type { Filter } from '../nostr/index.ts'
import type { Audience } from './audience.ts'

/**
 * The event store port. Three engines implement it (memory, log, and PostgreSQL for clusters) and all pass
 * `contract.ts`. Events go in and come out as their canonical JSON bytes (`serializeEvent`), so a stored
 * event is never re-serialized.
 */
export interface EventStore {
  /**
   * Decides and stores a batch, in order, as one durable group: the promise resolves after the group is on
   * disk, and every outcome is then final. Later events of a batch see the earlier ones.
   *
   * @param batch canonical JSON bytes of events whose shape, id and signature were already checked.
   * @param nowSeconds the time that expiry (NIP-40) is judged by.
   */
  put(batch: readonly Uint8Array[], nowSeconds: number): Promise<readonly PutOutcome[]>
  /** Is this id stored, durably, and not removed? */
  has(id: string): boolean | Promise<boolean>
  /**
   * Opens a query; nothing is read until `next` is called. See `EventCursor`.
   *
   * @param audience who will read the answer; absent for whoever may see everything (export, operators).
   */
  query(filters: readonly Filter[], nowSeconds: number, audience?: Audience): EventCursor
  /** How many different visible events match any of the filters; `limit` is ignored (NIP-45). */
  count(filters: readonly Filter[], nowSeconds: number, audience?: Audience): number | Promise<number>
  /**
   * The count of one filter with its HyperLogLog registers (NIP-45). `limit` is ignored.
   *
   * @param offset where in a public key the register is read, from 8 to 23 (`hyperLogLogOffset`).
   */
  sketch(
    filter: Filter,
    offset: number,
    nowSeconds: number,
    audience?: Audience,
  ): CountSketch | Promise<CountSketch>
  /**
   * The visible matches of one filter as of now, for set reconciliation (NIP-77); its newest `limit` when it has one.
   * Undefined when there are more than `maxIds`.
   */
  idSet(
    filter: Filter,
    maxIds: number,
    nowSeconds: number,
    audience?: Audience,
  ): IdSet | undefined | Promise<IdSet | undefined>
  /** Removes events by id for good (operator, retention); resolves to how many were there. Durable. */
  remove(ids: readonly string[]): Promise<number>
  /** Removes what has expired (NIP-40); resolves to how many. */
  sweepExpired(nowSeconds: number): Promise<number>
  stats(): StoreStats
  close(): Promise<void>
}

export type PutOutcome =
  /** Now stored and visible. `seq` rises with every event stored. */
  | { readonly status: 'stored'; readonly seq: number }
  /** The same id is already stored. */
  | { readonly status: 'duplicate' }
  /** Replaceable or addressable, and a newer version (or one of the same second with a lower id) is stored. */
  | { readonly status: 'superseded' }
  /** Its author (or, for a gift wrap, its recipient) has deleted it (NIP-09). */
  | { readonly status: 'deleted' }
  /** Its author, or a recipient of a gift wrap, has asked to vanish at its time or later (NIP-62). */
  | { readonly status: 'vanished' }
  /** Its `expiration` has passed (NIP-40). */
  | { readonly status: 'expired' }
  /** Ephemeral kinds (NIP-01) are never stored. */
  | { readonly status: 'ephemeral' }
  /** The storage could not take it; nothing of it is stored. `message` is fit for the operator's log. */
  | { readonly status: 'failed'; readonly message: string }

export interface CountSketch {
  readonly count: number
  /** 256 registers, one byte each. */
  readonly registers: Uint8Array
}

/** Events by time and id, ascending by `created_at`, then by id as bytes (NIP-77). */
export interface IdSet {
  /** Seconds, one for each event. */
  readonly createdAt: Float64Array
  /** 32 bytes for each event. */
  readonly ids: Uint8Array
}

/**
 * A query in progress. The result is, for each filter, its newest `limit` visible matches; the union of
 * these, each event once, newest `created_at` first and lowest id first within a second.
 *
 * When a filter has `search` (NIP-50), its matches are those that hold every word, and its `limit` keeps the most
 * relevant. The answer then comes in two parts: what the searches found, most relevant first (newest first, lowest id
 * first among equals), then what the other filters found, in the order above; each event once.
 */
export interface EventCursor {
  /**
   * The next at most `maxEvents` events. A cursor may return fewer (even none) before it is done, to give
   * others their turn. Holding a cursor between calls holds no resources.
   */
  next(maxEvents: number): EventPage | Promise<EventPage>
  /** Nothing more will be asked. Only needed before the last page, and only where an engine has it. */
  close?(): void
}

/** A page of events as bytes. Valid until the store's next turn; views taken from it live on. */
export interface EventPage {
  readonly count: number
  /** True on the last page. */
  readonly done: boolean
  /**
   * `lastSeq` at the time of `query()`, the same on every page: events with a higher `seq` are not part of the
   * answer, so whoever also listens to new events delivers those, and only those, as live ones.
   */
  readonly snapshotSeq: number
  /** Length in bytes of the `index`-th event's JSON. */
  byteLengthAt(index: number): number
  /** The `index`-th event's JSON where it is stored: to be read only, and good for as long as it is held. */
  viewAt(index: number): Buffer
  /** Copies the `index`-th event's JSON into `target` at `at`; returns the number of bytes written. */
  copyAt(index: number, target: Buffer, at: number): number
}

export interface StoreStats {
  /** Events that a query can find (expired ones count until swept). */
  readonly events: number
  /** Bytes on disk; 0 for an engine without one. */
  readonly diskBytes: number
  /** Bytes of memory that indexes and caches hold. */
  readonly memoryBytes: number
  /** Rises by one with every event stored; the `seq` of the newest. */
  readonly lastSeq: number
  /** How the engine is doing inside; an engine that has nothing to tell leaves it out. */
  readonly workings?: StoreWorkings
}

/** Plain numbers. Totals are since the store was opened. */
export interface StoreWorkings {
  /** Writes that were made durable together. */
  readonly groups: number
  /** Events stored by them. */
  readonly groupedEvents: number
  /** Groups that could not be written. */
  readonly failedGroups: number
  /** From the start of a group's write to its being durable. */
  readonly writing: Durations
  /** What waits, by what for; `limit` where there is one. */
  readonly queues: Readonly<Record<string, { readonly entries: number; readonly limit?: number }>>
  readonly caches: Readonly<Record<string, CacheStats>>
  /** Connections to a database. */
  readonly pools: Readonly<Record<string, PoolStats>>
  /** Files with events; 0 for an engine without. */
  readonly segments: number
  /** Bytes of events that were read from disk. */
  readonly readBytes: number
}

export interface CacheStats {
  readonly hits: number
  readonly misses: number
  readonly bytes: number
}

export interface PoolStats {
  readonly open: number
  readonly idle: number
  readonly limit: number
  /** Who waits for a free one. */
  readonly waiting: number
}
