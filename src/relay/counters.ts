/** What one thread has counted since it started. Plain numbers, so that they travel between threads as they are. */
export interface Counters {
  connectionsOpened: number
  connectionsRefused: number
  bytesIn: number
  bytesOut: number
  messages: Record<Verb, number>
  /** EVENTs by how they were answered. */
  events: Record<EventResult, number>
  /** Stored events sent in answer to REQ. */
  served: number
  /** Live events sent. */
  delivered: number
  /** Subscriptions and counts that were refused or ended by us. */
  closedByUs: number
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
}

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
    served: 0,
    delivered: 0,
    closedByUs: 0,
  }
}

/** The sum of what several threads counted. */
export function sumStats(stats: readonly RelayStats[]): RelayStats {
  const sum = {
    ...createCounters(),
    connections: 0,
    subscriptions: 0,
    unansweredEvents: 0,
    runningQueries: 0,
  }
  for (const part of stats) addNumbers(sum, part)
  return sum
}

/** Adds every number of `part` to the one of the same name in `sum`, in records inside it too. */
function addNumbers<T extends object>(sum: T, part: T): void {
  for (const name of Object.keys(sum) as (keyof T)[]) {
    const value = part[name]
    const total = sum[name]
    if (typeof value === 'number' && typeof total === 'number') sum[name] = (total + value) as T[keyof T]
    else if (isRecord(total) && isRecord(value)) addNumbers(total, value)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
