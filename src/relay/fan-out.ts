import { mayRead } from '../events/index.ts'
import { closedMessage, reason } from '../nostr/index.ts'
import type { Counters } from './counters.ts'
import type { LiveEvent } from './event-frames.ts'
import { matchesLive } from './live-match.ts'
import type { Subscription } from './subscription.ts'
import { SubscriptionIndex } from './subscription-index.ts'

/** A subscription that lives so long is filed; most that are only questions are closed by then. */
const FILE_AFTER_MS = 20
/** Filing may take so long in one turn: thousands of follow feeds at once must not hold up anything else. */
const FILING_TURN_MS = 2

/** New events that may wait for a subscription's stored ones to be sent. */
const MAX_PENDING = 1_000

export interface FanOutDeps {
  /** A client with more unsent bytes than this gets no more live events. */
  readonly maxUnsentBytes: number
  readonly counters: Counters
  /** Takes a subscription out of its session. */
  readonly forget: (subscription: Subscription) => void
}

/** Brings new events to the subscriptions that ask for them. */
export class FanOut {
  readonly #index = new SubscriptionIndex<Subscription>()
  /** Not filed yet: many subscriptions are closed again before any event comes, and filing costs more than asking. */
  readonly #fresh = new Map<Subscription, { readonly sinceMs: number }>()
  #isFilingDue = false
  #pending = 0
  readonly #deps: FanOutDeps
  /** A client with more unsent bytes than this gets no more live events. */
  maxUnsentBytes: number

  constructor(deps: FanOutDeps) {
    this.#deps = deps
    this.maxUnsentBytes = deps.maxUnsentBytes
  }

  get size(): number {
    return this.#index.size + this.#fresh.size
  }

  /** Subscriptions that are not filed yet. */
  get unfiled(): number {
    return this.#fresh.size
  }

  /** New events that wait for stored ones to be sent, of all subscriptions. */
  get pending(): number {
    return this.#pending
  }

  add(subscription: Subscription): void {
    this.#fresh.set(subscription, { sinceMs: subscription.sinceMs })
    this.#fileLater(FILE_AFTER_MS)
  }

  remove(subscription: Subscription): void {
    subscription.state = 'closed'
    subscription.cursor?.close?.()
    subscription.cursor = undefined
    this.#pending -= subscription.pending?.length ?? 0
    subscription.pending = undefined
    if (!this.#fresh.delete(subscription)) this.#index.remove(subscription)
  }

  publish(live: LiveEvent): void {
    // Asking a filter costs a hundredth of filing it, so the event does not wait for that.
    for (const subscription of this.#fresh.keys()) {
      if (subscription.filters.some((filter) => matchesLive(filter, live.event)))
        this.#deliver(subscription, live)
    }
    if (this.#index.size === 0) return
    this.#index.forEachMatch(live.event, (subscription) => this.#deliver(subscription, live))
  }

  /** Everything stored was sent: what came in the meantime follows. */
  goLive(subscription: Subscription): void {
    const { pending } = subscription
    subscription.state = 'live'
    subscription.cursor = undefined
    this.#pending -= pending?.length ?? 0
    subscription.pending = undefined
    for (const live of pending ?? []) this.#send(subscription, live)
  }

  /** Ends a subscription from our side. */
  close(subscription: Subscription, text: string): void {
    this.remove(subscription)
    this.#deps.forget(subscription)
    subscription.connection.sendText(closedMessage(subscription.id, text))
  }

  #file(subscription: Subscription): void {
    this.#fresh.delete(subscription)
    this.#index.add(subscription, subscription.filters)
  }

  #fileLater(delayMs: number): void {
    if (this.#isFilingDue) return
    this.#isFilingDue = true
    setTimeout(() => this.#fileSome(), delayMs).unref()
  }

  /** Files those that have lived long enough, oldest first, as many as one turn allows. */
  #fileSome(): void {
    this.#isFilingDue = false
    const startedMs = performance.now()
    for (const [subscription, { sinceMs }] of this.#fresh) {
      const nowMs = performance.now()
      if (nowMs - sinceMs < FILE_AFTER_MS) {
        this.#fileLater(FILE_AFTER_MS - (nowMs - sinceMs))
        return
      }
      if (nowMs - startedMs > FILING_TURN_MS) {
        this.#isFilingDue = true
        setImmediate(() => this.#fileSome())
        return
      }
      this.#file(subscription)
    }
  }

  #deliver(subscription: Subscription, live: LiveEvent): void {
    const { audience } = subscription.connection.session
    if (audience !== undefined && !mayRead(audience, live.event)) return
    if (subscription.state === 'live') {
      this.#send(subscription, live)
      return
    }
    subscription.pending ??= []
    if (subscription.pending.length < MAX_PENDING) {
      subscription.pending.push(live)
      this.#pending++
      return
    }
    this.#deps.counters.slowReaders['pending-events']++
    this.close(subscription, reason('error', 'too many new events while the stored ones were being sent'))
  }

  #send(subscription: Subscription, live: LiveEvent): void {
    // The query that came first has sent it already, or left it out for its limit.
    if (live.seq <= (subscription.snapshotSeq ?? 0)) return
    const { connection } = subscription
    if (connection.bufferedBytes > this.maxUnsentBytes) {
      this.#deps.counters.slowReaders['unsent-bytes']++
      this.close(
        subscription,
        reason('error', 'too slow a reader: live events were dropped, subscribe again'),
      )
      return
    }
    connection.sendFrames(live.frameFor(subscription.id, subscription.prefix))
    this.#deps.counters.delivered++
  }
}
