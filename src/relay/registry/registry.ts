import type { Outcome } from '../../kernel/index.ts'
import type { BusOutcome, BusRefusal } from '../../platform/bus/index.ts'

/** An open connection as the registry shows it, of this process or another. */
export interface RegisteredConnection {
  readonly id: string
  /** The process that holds it: a name no other process has, a new one after each start. */
  readonly processId: string
  /** Keys that it proved to hold, hex. */
  readonly pubkeys: readonly string[]
  /** 0 anonymous, 1 stranger, 2 member, 3 subscriber, 4 trusted. */
  readonly level: number
  readonly subscriptions: readonly RegisteredSubscription[]
  /** The client's IP address. */
  readonly address: string
  /** Messages that it sent. */
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Unix time in milliseconds. */
  readonly startedAtMs: number
  /** Ids of the events of kind 22242 that it proved its keys with. */
  readonly authenticatorIds: readonly string[]
}

export interface RegisteredSubscription {
  readonly id: string
  /** A JSON array; in the registry `null` when it would not fit, see `MAX_FILTERS_LENGTH`. */
  readonly filtersJson: string
}

/** The part of a connection's facts that changes all the time. */
export type ConnectionTraffic = Pick<RegisteredConnection, 'id' | 'requests' | 'bytesIn' | 'bytesOut'>

export interface ConnectionPage {
  readonly connections: readonly RegisteredConnection[]
  /** Undefined after the last page. */
  readonly next: string | undefined
}

export interface CloseRequest {
  readonly connectionId: string
  /** WebSocket close code. */
  readonly code: number
  /** At most 123 bytes of UTF-8 (RFC 6455). */
  readonly reason: string
}

/**
 * The filters that the registry keeps of one connection, together, in UTF-16 code units. A subscription whose filters
 * would go beyond is there, without them: nobody may fill a shared memory by subscribing.
 */
export const MAX_FILTERS_LENGTH = 16_384

/**
 * Every open connection of every process of one Stoa. A process writes its own and reads all. What it reads may be as
 * old as a writer's interval, about a second.
 */
export interface ConnectionRegistry {
  /** Writes connections of this process, new ones and changed ones, with everything about them. */
  put(connections: readonly RegisteredConnection[]): Promise<BusOutcome<void>>
  /** Writes only what they sent and received. They must have been put. */
  touch(traffic: readonly ConnectionTraffic[]): Promise<BusOutcome<void>>
  /** Takes connections of this process out. */
  remove(ids: readonly string[]): Promise<BusOutcome<void>>
  /**
   * A page of all connections, in no order. One that is open from the first page to the last comes at least once.
   *
   * @param cursor `next` of the page before; undefined for the first.
   * @param limit about how many; a page may hold more, fewer, or none.
   */
  list(cursor: string | undefined, limit: number): Promise<BusOutcome<ConnectionPage>>
  find(id: string): Promise<BusOutcome<RegisteredConnection | undefined>>
  /** How many connections there are. */
  size(): Promise<BusOutcome<number>>
  /** How many of them other processes hold: what a limit on all of them has to know beside the own ones. */
  sizeOfOthers(): Promise<BusOutcome<number>>
  /** Asks the process that holds the connection to close it. Accepted means that it was told, not that it was done. */
  close(request: CloseRequest): Promise<Outcome<void, BusRefusal | UnknownConnection>>
  /** Called when somebody wants a connection of this process closed. Returns how to stop listening. */
  onClose(listener: (request: CloseRequest) => void): () => void
  /**
   * To be called about once a second: shows that this process lives, and takes out what dead ones have left.
   *
   * @returns `lost` when connections of this process are missing: put all of them again.
   */
  keepUp(): Promise<BusOutcome<'kept' | 'lost'>>
  /** Takes out everything of this process, as far as it can be reached, and stops. */
  leave(): Promise<void>
}

export interface UnknownConnection {
  readonly code: 'CONNECTION_UNKNOWN'
  readonly text: string
}

export function unknownConnection(id: string): UnknownConnection {
  return { code: 'CONNECTION_UNKNOWN', text: `there is no connection ${id}` }
}
