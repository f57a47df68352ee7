import type { EventCursor } from '../events/index.ts'
import type { Filter } from '../nostr/index.ts'
import { eventPrefix, type LiveEvent } from './event-frames.ts'
import type { Connection } from './session.ts'

/**
 * An open REQ. First it sends what is stored (`stored`), meanwhile new events wait in `pending`; after EOSE they
 * go out as they come (`live`). `closed` is the end, from either side.
 */
export class Subscription {
  readonly id: string
  readonly connection: Connection
  readonly filters: readonly Filter[]
  /** What stands before the event in each of its frames. */
  readonly prefix: Buffer
  /** When it was asked for, by `performance.now`. */
  readonly sinceMs = performance.now()
  state: 'stored' | 'live' | 'closed' = 'stored'
  /** Undefined once everything stored was sent. */
  cursor: EventCursor | undefined
  /** Stored events up to this sequence number are the query's to send; undefined until its first page. */
  snapshotSeq: number | undefined
  pending: LiveEvent[] | undefined
  /** Stored events that were sent. */
  sent = 0
  /** With fewer stored events than this, none was left out for a limit (NIP-67); 0: that is not told. */
  readonly completeBelow: number

  /** @param hasHint tell with EOSE whether everything was sent. */
  constructor(
    connection: Connection,
    id: string,
    filters: readonly Filter[],
    cursor: EventCursor,
    hasHint: boolean,
  ) {
    this.connection = connection
    this.id = id
    this.filters = filters
    this.cursor = cursor
    this.prefix = eventPrefix(id)
    this.completeBelow = hasHint ? Math.min(...filters.map(({ limit = 0 }) => limit)) : 0
  }
}
