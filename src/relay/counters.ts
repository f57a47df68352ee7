import { createDurations, type Durations } from '../kernel/index.ts'
import type { OutsideStats, PolicyCount } from './policies/index.ts'

/** What one thread has counted since it started. Plain numbers, so that they travel between threads as they are. */
export interface Counters {
  connectionsOpened: number
  connectionsRefused: number
  bytesIn: number
  bytesOut: number
  messages: Record<Verb, number>
  /** EVENTs by how they were answered. */
  events: Record<EventResult, number>
  /** EVENTs answered `OK false`, by the prefix of what was said (NIP-01). */
  refusals: Record<RefusalPrefix, number>
  /** Was an id known before its signature was checked? `asked`: the store had to be asked and waited for. */
  known: Record<'no' | 'yes' | 'asked', number>
  /** Ids and signatures that were checked. */
  checks: Record<'good' | 'wrong-id' | 'wrong-signature', number>
  /** From an EVENT that is stored to its OK. */
  storing: Durations
  /** From a REQ to its EOSE. */
  querying: Durations
  /** From a COUNT to its answer. */
  counting: Durations
  /** Stored events sent in answer to REQ. */
  served: number
  /** Live events sent. */
  delivered: number
  /** Subscriptions and counts that were refused or ended by us. */
  closedByUs: number
  /** Subscriptions that were ended because their client did not keep up. */
  slowReaders: Record<'unsent-bytes' | 'pending-events', number>
}

export const REFUSAL_PREFIXES = [
  'auth-required',
  'blocked',
  'duplicate',
  'error',
  'invalid',
  'mute',
  'pow',
  'rate-limited',
  'restricted',
  'other',
] as const

export type RefusalPrefix = (typeof REFUSAL_PREFIXES)[number]

/** Plugins may say anything, so what is no standard prefix is `other`. */
export function refusalPrefixOf(text: string): RefusalPrefix {
  const prefix = text.slice(0, Math.max(0, text.indexOf(':')))
  return REFUSAL_PREFIXES.find((known) => known === prefix) ?? 'other'
}

export type Verb =
  | 'EVENT'
  | 'REQ'
  | 'CLOSE'
  | 'COUNT'
  | 'AUTH'
  | 'NEG-OPEN'
  | 'NEG-MSG'
  | 'NEG-CLOSE'
  | 'malformed'

export type EventResult =
  | 'stored'
  | 'ephemeral'
  | 'duplicate'
  | 'refused'
  | 'failed'
  /** Answered as stored and dropped (shadow reject). */
  | 'pretended'
  /** Given to somebody else: a moderator, or the list of members. */
  | 'held'

/** What can be seen of the relay at a moment. */
export interface RelayGauges {
  readonly connections: number
  readonly subscriptions: number
  /** EVENTs waiting for the store. */
  readonly unansweredEvents: number
  /** Queries in progress. */
  readonly runningQueries: number
  /** What waits inside the relay, by what for. */
  readonly queues: Readonly<Record<RelayQueue, number>>
  /** Connections that are not read from at the moment, by why. */
  readonly heldConnections: Readonly<Record<'store' | 'reader' | 'turn', number>>
  /** Bytes that clients have not taken yet. */
  readonly unsentBytes: number
  /** Reconciliations (NIP-77) that are open, and what their snapshots take. */
  readonly reconciliations: number
  readonly reconciliationBytes: number
  /** By name of the policy. */
  readonly policies: Readonly<Record<string, PolicyCount>>
  /** Entries that policies remember: known keys, seen texts, trusted keys. By name of the policy. */
  readonly remembered: Readonly<Record<string, number>>
  /** Programs and services that policies ask. By name of the policy. */
  readonly outside: Readonly<Record<string, OutsideStats>>
}

export type RelayQueue =
  /** Queries whose next slice is due. */
  | 'queries-due'
  | 'addresses-deferred'
  | 'counts-deferred'
  /** Queries whose client has to read first. */
  | 'queries-paused'
  /** New events that wait for a subscription's stored ones. */
  | 'live-pending'
  /** Subscriptions that are not in the index yet. */
  | 'subscriptions-unfiled'
  /** COUNTs that are not answered yet. */
  | 'counts'
  /** Reconciliations that wait for their snapshot. */
  | 'reconciliations'
  /** Questions to the store, where that is in a thread of its own. */
  | 'store-requests'
  /** Questions to the main thread, where that is another. */
  | 'main-thread-calls'

export type RelayStats = Counters & RelayGauges

export function createCounters(): Counters {
  return {
    connectionsOpened: 0,
    connectionsRefused: 0,
    bytesIn: 0,
    bytesOut: 0,
    messages: {
      EVENT: 0,
      REQ: 0,
      CLOSE: 0,
      COUNT: 0,
      AUTH: 0,
      'NEG-OPEN': 0,
      'NEG-MSG': 0,
      'NEG-CLOSE': 0,
      malformed: 0,
    },
    events: { stored: 0, ephemeral: 0, duplicate: 0, refused: 0, failed: 0, pretended: 0, held: 0 },
    refusals: {
      'auth-required': 0,
      blocked: 0,
      duplicate: 0,
      error: 0,
      invalid: 0,
      mute: 0,
      pow: 0,
      'rate-limited': 0,
      restricted: 0,
      other: 0,
    },
    known: { no: 0, yes: 0, asked: 0 },
    checks: { good: 0, 'wrong-id': 0, 'wrong-signature': 0 },
    storing: createDurations(),
    querying: createDurations(),
    counting: createDurations(),
    served: 0,
    delivered: 0,
    closedByUs: 0,
    slowReaders: { 'unsent-bytes': 0, 'pending-events': 0 },
  }
}

/** A relay in which nothing is going on. */
export function createGauges(): RelayGauges {
  return {
    connections: 0,
    subscriptions: 0,
    unansweredEvents: 0,
    runningQueries: 0,
    queues: {
      'queries-due': 0,
      'addresses-deferred': 0,
      'counts-deferred': 0,
      'queries-paused': 0,
      'live-pending': 0,
      'subscriptions-unfiled': 0,
      counts: 0,
      reconciliations: 0,
      'store-requests': 0,
      'main-thread-calls': 0,
    },
    heldConnections: { store: 0, reader: 0, turn: 0 },
    unsentBytes: 0,
    reconciliations: 0,
    reconciliationBytes: 0,
    policies: {},
    remembered: {},
    outside: {},
  }
}

/** The sum of what several threads counted. */
export function sumStats(stats: readonly RelayStats[]): RelayStats {
  const sum = { ...createCounters(), ...createGauges() }
  for (const part of stats) addNumbers(sum, part)
  return sum
}

/** Adds every number of `part` to the one of the same name in `sum`, in records and lists inside it too. */
function addNumbers<T extends object>(sum: T, part: T): void {
  for (const name of Object.keys(part) as (keyof T)[]) {
    const value = part[name]
    const total = sum[name]
    // Not every thread has met every policy yet.
    if (total === undefined) sum[name] = structuredClone(value)
    else if (typeof value === 'number' && typeof total === 'number') sum[name] = (total + value) as T[keyof T]
    else if (isRecord(total) && isRecord(value)) addNumbers(total, value)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
