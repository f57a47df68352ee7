import type { EventStore } from '../events/index.ts'
import {
  type ClientMessage,
  closedMessage,
  countMessage,
  type Filter,
  type NostrEvent,
  noticeMessage,
  okMessage,
  parseClientMessage,
  reason,
} from '../nostr/index.ts'
import type { Authentication } from './authentication.ts'
import type { Counters } from './counters.ts'
import type { EventIntake } from './event-intake.ts'
import type { FanOut } from './fan-out.ts'
import type { QueryRunner } from './query-runner.ts'
import { type Connection, HOLD_FOR_READER, holdReading, releaseReading, type Session } from './session.ts'
import type { RelaySettings } from './settings.ts'
import { Subscription } from './subscription.ts'
import { TokenBuckets } from './token-buckets.ts'
import type { WebSocketHandler } from './websocket/index.ts'
import { refuseUnauthenticated, refuseWrite } from './write-policy.ts'

/** Unsent bytes beyond which a client's messages are not read. Above the relay's low-water mark, below its limit. */
const HOLD_ABOVE_BYTES = 1024 * 1024

/** COUNTs that one connection may have in progress. */
const MAX_OPEN_COUNTS = 20

export interface DispatcherDeps {
  readonly settings: RelaySettings
  readonly store: EventStore
  readonly intake: EventIntake
  readonly fanOut: FanOut
  readonly queries: QueryRunner
  readonly authentication: Authentication
  readonly counters: Counters
  readonly nowMs: () => number
  /** A connection is gone. */
  readonly onClosed: (connection: Connection) => void
}

/** Reads what clients say and brings it to the part that answers; refuses what may not be. */
export class Dispatcher implements WebSocketHandler<Session> {
  readonly #deps: DispatcherDeps
  readonly #exempt: ReadonlySet<string>
  readonly #eventRate: TokenBuckets
  readonly #requestRate: TokenBuckets

  constructor(deps: DispatcherDeps) {
    const { rates } = deps.settings
    this.#deps = deps
    this.#exempt = new Set(rates.exemptIps)
    this.#eventRate = new TokenBuckets({ perSecond: rates.eventsPerSecond, burst: rates.eventsBurst })
    this.#requestRate = new TokenBuckets({ perSecond: rates.requestsPerSecond, burst: rates.requestsBurst })
  }

  onText(connection: Connection, buffer: Buffer, start: number, end: number): void {
    this.#read(connection, buffer, start, end)
    // Who asks and does not read the answers is not listened to until it has.
    if (connection.bufferedBytes > HOLD_ABOVE_BYTES) holdReading(connection, HOLD_FOR_READER)
  }

  #read(connection: Connection, buffer: Buffer, start: number, end: number): void {
    const { settings, counters } = this.#deps
    const parsed = parseClientMessage(buffer.toString('utf8', start, end), {
      maxFilters: settings.limits.maxFilters,
      maxValues: settings.limits.maxFilterValues,
    })
    if (parsed.ok) {
      counters.messages[parsed.value.verb]++
      this.#dispatch(connection, parsed.value)
      return
    }
    counters.messages.malformed++
    const { refusal } = parsed
    if (refusal.reply === 'notice') connection.sendText(noticeMessage(refusal.text))
    else if (refusal.reply === 'ok') connection.sendText(okMessage(refusal.eventId, false, refusal.text))
    else this.#refuse(connection, refusal.subscriptionId, refusal.text)
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
    // Queries that waited for this client to read notice that they are closed when they are resumed.
    this.onDrain(connection)
    this.#deps.onClosed(connection)
  }

  #dispatch(connection: Connection, message: ClientMessage): void {
    switch (message.verb) {
      case 'EVENT':
        this.#event(connection, message.event)
        return
      case 'REQ':
        this.#request(connection, message.id, message.filters)
        return
      case 'COUNT':
        this.#count(connection, message.id, message.filters)
        return
      case 'CLOSE':
        this.#close(connection, message.id)
        return
      case 'AUTH':
        this.#deps.authentication.answer(connection, message.event)
    }
  }

  #event(connection: Connection, event: NostrEvent): void {
    const { intake, settings, nowMs } = this.#deps
    const { address, pubkeys } = connection.session
    if (!this.#isExempt(address) && !this.#eventRate.take(address, nowMs())) {
      intake.refuse(
        connection,
        event.id,
        reason('rate-limited', 'too many events from your address, slow down'),
      )
      return
    }
    const nowSeconds = Math.floor(nowMs() / 1_000)
    const refusal = refuseWrite(event, { limits: settings.limits, auth: settings.auth, pubkeys, nowSeconds })
    if (refusal === undefined) {
      intake.take(connection, event)
      return
    }
    this.#challengeIfAsked(connection, refusal)
    intake.refuse(connection, event.id, refusal)
  }

  #request(connection: Connection, id: string, filters: readonly Filter[]): void {
    const { settings, fanOut, queries, store, nowMs } = this.#deps
    const { session } = connection
    const refusal = this.#refuseRead(connection) ?? refuseSubscriptionId(id, settings.limits.maxSubidLength)
    if (refusal !== undefined) {
      // The client takes the id for closed now, so a subscription it had under this id must not live on.
      this.#close(connection, id)
      this.#refuse(connection, id, refusal)
      return
    }
    this.#close(connection, id)
    session.subscriptions ??= new Map()
    const { maxSubscriptions } = settings.limits
    if (session.subscriptions.size >= maxSubscriptions) {
      this.#refuse(
        connection,
        id,
        reason('rate-limited', `at most ${maxSubscriptions} subscriptions may be open`),
      )
      return
    }
    const bounded = filters.map((filter) => this.#bound(filter))
    const cursor = store.query(bounded, Math.floor(nowMs() / 1_000))
    const subscription = new Subscription(connection, id, bounded, cursor)
    session.subscriptions.set(id, subscription)
    // Filed before the first page is read, so that nothing falls between what is stored and what is live.
    fanOut.add(subscription)
    queries.start(subscription)
  }

  #count(connection: Connection, id: string, filters: readonly Filter[]): void {
    const { settings } = this.#deps
    const { session } = connection
    const refusal = this.#refuseRead(connection) ?? refuseSubscriptionId(id, settings.limits.maxSubidLength)
    if (refusal !== undefined) this.#refuse(connection, id, refusal)
    else if (session.openCounts >= MAX_OPEN_COUNTS) {
      this.#refuse(connection, id, reason('rate-limited', `at most ${MAX_OPEN_COUNTS} counts at a time`))
    } else void this.#answerCount(connection, id, filters)
  }

  async #answerCount(connection: Connection, id: string, filters: readonly Filter[]): Promise<void> {
    const { store, nowMs } = this.#deps
    const { session } = connection
    session.openCounts++
    try {
      const count = await store.count(filters, Math.floor(nowMs() / 1_000))
      connection.sendText(countMessage(id, count))
    } catch {
      this.#refuse(connection, id, reason('error', 'the events could not be counted, try again later'))
    } finally {
      session.openCounts--
    }
  }

  #close({ session }: Connection, id: string): void {
    const subscription = session.subscriptions?.get(id)
    if (subscription === undefined) return
    session.subscriptions?.delete(id)
    this.#deps.fanOut.remove(subscription)
  }

  #refuseRead(connection: Connection): string | undefined {
    const { settings, nowMs } = this.#deps
    const { address, pubkeys } = connection.session
    if (!this.#isExempt(address) && !this.#requestRate.take(address, nowMs())) {
      return reason('rate-limited', 'too many requests from your address, slow down')
    }
    if (!settings.auth.requiredToRead) return undefined
    const refusal = refuseUnauthenticated(settings.auth, pubkeys, 'read')
    if (refusal !== undefined) this.#challengeIfAsked(connection, refusal)
    return refusal
  }

  #challengeIfAsked(connection: Connection, refusal: string): void {
    if (refusal.startsWith('auth-required')) this.#deps.authentication.challenge(connection)
  }

  #refuse(connection: Connection, id: string, text: string): void {
    this.#deps.counters.closedByUs++
    connection.sendText(closedMessage(id, text))
  }

  #bound(filter: Filter): Filter {
    const { defaultLimit, maxLimit } = this.#deps.settings.limits
    return { ...filter, limit: Math.min(filter.limit ?? defaultLimit, maxLimit) }
  }

  #isExempt(address: string): boolean {
    return this.#exempt.has(address)
  }
}

function refuseSubscriptionId(id: string, maxCharacters: number): string | undefined {
  if (id.length <= maxCharacters || Array.from(id).length <= maxCharacters) return undefined
  return reason('invalid', `a subscription id has at most ${maxCharacters} characters`)
}
