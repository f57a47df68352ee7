import type { Audience } from '../events/index.ts'
import type { Subscription } from './subscription.ts'
import type { Source, Unread } from './turns/index.ts'
import type { WebSocketConnection } from './websocket/index.ts'

export type Connection = WebSocketConnection<Session>

/** What the relay knows of one client. Made for every connection, so it starts with as little as can be. */
export interface Session {
  /** The client's address, as limits count it. */
  readonly address: string
  /** What all connections of that address use of this thread. */
  readonly source: Source
  /** The Host header of its upgrade. */
  readonly host: string
  /** Which of the thread's connections it is, counted from its start. */
  readonly number: number
  readonly startedAtMs: number
  /** Sent when first needed (NIP-42); stays for the life of the connection. */
  challenge: string | undefined
  /** Keys that it proved to hold, hex. */
  pubkeys: readonly string[]
  /** Ids of the AUTH events that proved them. */
  authenticatorIds: readonly string[]
  /** Who reads what is sent here, by the proved keys; undefined: nothing is hidden from anybody. */
  audience: Audience | undefined
  /** Messages that came. */
  requests: number
  subscriptions: Map<string, Subscription> | undefined
  /** EVENTs that are not answered yet. */
  unansweredEvents: number
  /** COUNTs that are not answered yet. */
  openCounts: number
  /** What it has sent and waits for its turn. */
  unread: Unread | undefined
  /** Why its messages are not read at the moment; see `holdReading`. */
  holds: number
  /** Subscriptions whose next page waits until the client has read what was sent. */
  waiting: Subscription[] | undefined
}

export interface SessionStart {
  readonly address: string
  readonly source: Source
  readonly host: string
  readonly number: number
  readonly startedAtMs: number
  readonly audience: Audience | undefined
}

export function createSession(start: SessionStart): Session {
  return {
    ...start,
    challenge: undefined,
    pubkeys: NONE,
    authenticatorIds: NONE,
    requests: 0,
    subscriptions: undefined,
    unansweredEvents: 0,
    openCounts: 0,
    unread: undefined,
    holds: 0,
    waiting: undefined,
  }
}

/** Reasons to let a client wait with what it has to say: the relay has enough of its events in hand, … */
export const HOLD_FOR_STORE = 1
/** … or it does not read the answers that it got, … */
export const HOLD_FOR_READER = 2
/** … or enough that it has sent waits for its turn. */
export const HOLD_FOR_TURN = 4

/** Stops reading from a client until every reason is gone. What it sends meanwhile waits at its own end. */
export function holdReading(connection: Connection, reason: number): void {
  connection.session.holds |= reason
  connection.pause()
}

export function releaseReading(connection: Connection, reason: number): void {
  const { session } = connection
  if ((session.holds & reason) === 0) return
  session.holds &= ~reason
  if (session.holds === 0) connection.resume()
}

const NONE: readonly string[] = []
