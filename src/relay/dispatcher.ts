import {
  type ClientMessage,
  closedMessage,
  noticeMessage,
  okMessage,
  parseClientMessage,
  reason,
} from '../nostr/index.ts'
import type { Authentication } from './authentication.ts'
import type { Counters } from './counters.ts'
import type { FanOut } from './fan-out.ts'
import type { NegentropySessions } from './negentropy-sessions.ts'
import type { QueryRunner } from './query-runner.ts'
import type { Requests } from './requests.ts'
import { type Connection, HOLD_FOR_READER, holdReading, releaseReading, type Session } from './session.ts'
import type { RelaySettings } from './settings.ts'
import type { Submissions } from './submissions.ts'
import type { WebSocketHandler } from './websocket/index.ts'

/** Unsent bytes beyond which a client's messages are not read. Above the relay's low-water mark, below its limit. */
const HOLD_ABOVE_BYTES = 1024 * 1024

export interface DispatcherDeps {
  readonly settings: RelaySettings
  readonly submissions: Submissions
  readonly requests: Requests
  readonly negentropy: NegentropySessions<Connection>
  readonly fanOut: FanOut
  readonly queries: QueryRunner
  readonly authentication: Authentication
  readonly counters: Counters
  /** A connection is gone. */
  readonly onClosed: (connection: Connection) => void
}

type NegentropyMessage = Extract<ClientMessage, { readonly verb: 'NEG-OPEN' | 'NEG-MSG' }>

/** Reads what clients say and brings it to the part that answers. */
export class Dispatcher implements WebSocketHandler<Session> {
  readonly #deps: DispatcherDeps
  #settings: RelaySettings

  constructor(deps: DispatcherDeps) {
    this.#deps = deps
    this.#settings = deps.settings
  }

  configure(settings: RelaySettings): void {
    this.#settings = settings
  }

  onText(connection: Connection, buffer: Buffer, start: number, end: number): void {
    connection.session.requests++
    this.#read(connection, buffer, start, end)
    // Who asks and does not read the answers is not listened to until it has.
    if (connection.bufferedBytes > HOLD_ABOVE_BYTES) holdReading(connection, HOLD_FOR_READER)
  }

  #read(connection: Connection, buffer: Buffer, start: number, end: number): void {
    const { counters } = this.#deps
    const { limits, search } = this.#settings
    const parsed = parseClientMessage(buffer.toString('utf8', start, end), {
      maxFilters: limits.maxFilters,
      maxValues: limits.maxFilterValues,
      allowsSearch: search,
    })
    if (parsed.ok) {
      counters.messages[parsed.value.verb]++
      this.#dispatch(connection, parsed.value)
      return
    }
    counters.messages.malformed++
    const { refusal } = parsed
    switch (refusal.reply) {
      case 'notice':
        connection.sendText(noticeMessage(refusal.text))
        return
      case 'ok':
        connection.sendText(okMessage(refusal.eventId, false, refusal.text))
        return
      case 'closed':
        counters.closedByUs++
        connection.sendText(closedMessage(refusal.subscriptionId, refusal.text))
        return
      case 'neg-err':
        this.#deps.negentropy.refuse(connection, refusal.subscriptionId, refusal.text)
    }
  }

  onBinary(connection: Connection): void {
    this.#deps.counters.messages.malformed++
    connection.sendText(noticeMessage('messages are JSON in text frames, this was a binary one'))
  }

  onDrain(connection: Connection): void {
    releaseReading(connection, HOLD_FOR_READER)
    const { waiting } = connection.session
    if (waiting === undefined) return
    connection.session.waiting = undefined
    this.#deps.queries.resume(waiting)
  }

  onClose(connection: Connection): void {
    const { session } = connection
    for (const subscription of session.subscriptions?.values() ?? []) this.#deps.fanOut.remove(subscription)
    session.subscriptions = undefined
    session.unread = undefined
    this.#deps.negentropy.forget(connection)
    // Queries that waited for this client to read notice that they are closed when they are resumed.
    this.onDrain(connection)
    this.#deps.onClosed(connection)
  }

  #dispatch(connection: Connection, message: ClientMessage): void {
    const { submissions, requests, authentication, negentropy } = this.#deps
    switch (message.verb) {
      case 'EVENT':
        submissions.submit(connection, message.event)
        return
      case 'REQ':
        requests.request(connection, message.id, message.filters)
        return
      case 'COUNT':
        requests.count(connection, message.id, message.filters)
        return
      case 'CLOSE':
        requests.close(connection, message.id)
        return
      case 'AUTH':
        authentication.answer(connection, message.event)
        return
      case 'NEG-OPEN':
      case 'NEG-MSG':
        this.#negentropy(connection, message)
        return
      case 'NEG-CLOSE':
        negentropy.close(connection, message.id)
    }
  }

  #negentropy(connection: Connection, message: NegentropyMessage): void {
    const { requests, negentropy } = this.#deps
    if (!this.#settings.negentropy.enabled) {
      negentropy.refuse(
        connection,
        message.id,
        reason('unsupported', 'this relay does not reconcile sets (NIP-77)'),
      )
      return
    }
    if (message.verb === 'NEG-MSG') {
      negentropy.message(connection, message)
      return
    }
    const refusal = requests.refusalOf(connection, 'read', [message.filter])
    if (refusal === undefined) negentropy.open(connection, message, connection.session.audience)
    else negentropy.refuse(connection, message.id, refusal)
  }
}
