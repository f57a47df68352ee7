import type { EventStore, PutOutcome } from '../events/index.ts'
import { type Clock, noteDuration, systemClock } from '../kernel/index.ts'
import {
  canonicalize,
  isEphemeral,
  isMembershipRequest,
  type NostrEvent,
  okMessage,
  reason,
} from '../nostr/index.ts'
import type { SignatureVerifier } from '../platform/index.ts'
import { type Counters, refusalPrefixOf } from './counters.ts'
import { LiveEvent } from './event-frames.ts'
import type { Verdict, WriteContext, WritePolicies } from './policies/index.ts'
import type { HostAnswer, RelayHost } from './relay-host.ts'
import { type Connection, HOLD_FOR_STORE, holdReading, releaseReading } from './session.ts'
import type { Turns } from './turns/index.ts'

/** A client with this many unanswered EVENTs is not read until half of them are answered. */
const MAX_UNANSWERED = 1_024

export interface EventIntakeDeps {
  readonly store: EventStore
  readonly verifier: SignatureVerifier
  readonly counters: Counters
  readonly policies: Pick<WritePolicies, 'judgeLate'>
  readonly host: RelayHost
  readonly turns: Turns
  /** Brings an accepted event to all subscribers, on every thread. */
  readonly publish: (live: LiveEvent) => void
  readonly clock?: Clock
}

/** An EVENT on its way. */
interface Taken {
  readonly connection: Connection
  readonly event: NostrEvent
  readonly context: WriteContext
  /** What was decided before the signature was checked: to pretend or to hold, if anything. */
  readonly verdict: Verdict
  /** By `performance.now`. */
  readonly sinceMs: number
}

interface Waiting {
  readonly connection: Connection
  readonly event: NostrEvent
  readonly json: Buffer
  readonly sinceMs: number
}

/**
 * Takes EVENTs that the policy lets pass: drops duplicates, checks id and signature, and hands everything that came
 * in one turn of the event loop to the store as one batch. The answer goes out when the batch is durable.
 */
export class EventIntake {
  readonly #deps: EventIntakeDeps
  readonly #clock: Clock
  #batch: Waiting[] = []
  #unanswered = 0

  constructor(deps: EventIntakeDeps) {
    this.#deps = deps
    this.#clock = deps.clock ?? systemClock
  }

  /** EVENTs waiting for the store. */
  get unanswered(): number {
    return this.#unanswered
  }

  /**
   * Takes one event; every one is answered with exactly one OK (NIP-01).
   *
   * @param verdict what the early policies said, unless it was a refusal.
   */
  take(connection: Connection, event: NostrEvent, context: WriteContext, verdict: Verdict): void {
    this.#begin(connection)
    const taken: Taken = { connection, event, context, verdict, sinceMs: performance.now() }
    // Relays see most events several times: whoever is known already needs no signature check.
    const known = this.#isStored(event.id)
    const { counters } = this.#deps
    if (known === false) {
      counters.known.no++
      this.#check(taken)
    } else if (known === true) {
      counters.known.yes++
      this.#answerDuplicate(connection, event)
    } else {
      counters.known.asked++
      void this.#takeWhenKnown(taken, known)
    }
  }

  /** Refuses one event. */
  refuse(connection: Connection, eventId: string, text: string): void {
    const { counters } = this.#deps
    counters.events.refused++
    counters.refusals[refusalPrefixOf(text)]++
    connection.sendText(okMessage(eventId, false, text))
  }

  /** Resolves when everything taken so far is answered. */
  async idle(): Promise<void> {
    while (this.#unanswered > 0) await new Promise((resolve) => setImmediate(resolve))
  }

  /** A look-up that fails (the disk does not answer) is met like one that is refused later. */
  #isStored(id: string): boolean | Promise<boolean> {
    try {
      return this.#deps.store.has(id)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #takeWhenKnown(taken: Taken, known: Promise<boolean>): Promise<void> {
    try {
      if (await known) this.#answerDuplicate(taken.connection, taken.event)
      else this.#deps.turns.run(taken.connection.session.source, () => this.#checkOrFail(taken))
    } catch {
      this.#answerFailed(taken.connection, taken.event)
    }
  }

  #checkOrFail(taken: Taken): void {
    try {
      this.#check(taken)
    } catch {
      this.#answerFailed(taken.connection, taken.event)
    }
  }

  #check(taken: Taken): void {
    const { event, context } = taken
    const { checks } = this.#deps.counters
    const { id, json } = canonicalize(event)
    if (id !== event.id) {
      checks['wrong-id']++
      this.#finishRefused(taken, WRONG_ID)
      return
    }
    if (!this.#deps.verifier.verify(event.id, event.pubkey, event.sig)) {
      checks['wrong-signature']++
      this.#finishRefused(taken, WRONG_SIGNATURE)
      return
    }
    checks.good++
    if (isMembershipRequest(event)) void this.#finishWith(taken, this.#deps.host.membership(event))
    else {
      const verdict = taken.verdict ?? this.#deps.policies.judgeLate(event, context)
      if (verdict instanceof Promise) void this.#decideWhenJudged(taken, json, verdict)
      else this.#decide(taken, json, verdict)
    }
  }

  /** Late policies never reject; if one did, the event would still be answered. */
  async #decideWhenJudged(taken: Taken, json: string, judging: Promise<Verdict>): Promise<void> {
    try {
      this.#decide(taken, json, await judging)
    } catch {
      this.#answerFailed(taken.connection, taken.event)
    }
  }

  #decide(taken: Taken, json: string, verdict: Verdict): void {
    const { connection, event } = taken
    if (verdict === undefined) {
      if (isEphemeral(event.kind)) this.#passOn(connection, event, Buffer.from(json))
      else this.#enqueue({ connection, event, json: Buffer.from(json), sinceMs: taken.sinceMs })
      return
    }
    switch (verdict.do) {
      case 'refuse':
        this.#finishRefused(taken, verdict.text)
        return
      case 'pretend':
        this.#finish(connection)
        this.#deps.counters.events.pretended++
        connection.sendText(okMessage(event.id, true, ''))
        return
      case 'hold':
        void this.#finishWith(taken, this.#deps.host.hold(event, verdict.why))
    }
  }

  /** Somebody else answers for this event. */
  async #finishWith({ connection, event }: Taken, answering: Promise<HostAnswer>): Promise<void> {
    try {
      const { isAccepted, text } = await answering
      this.#finish(connection)
      if (isAccepted) {
        this.#deps.counters.events.held++
        connection.sendText(okMessage(event.id, true, text))
      } else this.refuse(connection, event.id, text)
    } catch {
      this.#answerFailed(connection, event)
    }
  }

  #finishRefused({ connection, event }: Taken, text: string): void {
    this.#finish(connection)
    this.refuse(connection, event.id, text)
  }

  /** Ephemeral events are for those who listen now; they never meet the store. */
  #passOn(connection: Connection, event: NostrEvent, json: Buffer): void {
    this.#finish(connection)
    this.#deps.counters.events.ephemeral++
    connection.sendText(okMessage(event.id, true, ''))
    this.#deps.publish(new LiveEvent(event, json, Number.POSITIVE_INFINITY))
  }

  #enqueue(waiting: Waiting): void {
    if (this.#batch.length === 0) setImmediate(() => void this.#putBatch())
    this.#batch.push(waiting)
  }

  async #putBatch(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    const outcomes = await this.#put(batch)
    const nowMs = performance.now()
    for (const [index, waiting] of batch.entries()) {
      const outcome = outcomes[index] ?? FAILED
      this.#finish(waiting.connection)
      noteDuration(this.#deps.counters.storing, nowMs - waiting.sinceMs)
      this.#answer(waiting, outcome)
    }
  }

  async #put(batch: readonly Waiting[]): Promise<readonly PutOutcome[]> {
    try {
      const bytes = batch.map(({ json }) => json)
      return await this.#deps.store.put(bytes, this.#clock.nowSeconds())
    } catch {
      // The store is closing or its thread is gone; it has said why in the log.
      return []
    }
  }

  #answer({ connection, event, json }: Waiting, outcome: PutOutcome): void {
    const { counters } = this.#deps
    switch (outcome.status) {
      case 'stored':
        counters.events.stored++
        connection.sendText(`["OK","${event.id}",true,""]`)
        this.#deps.publish(new LiveEvent(event, json, outcome.seq))
        return
      case 'duplicate':
        counters.events.duplicate++
        connection.sendText(okMessage(event.id, true, DUPLICATE))
        return
      case 'failed':
        this.#sendFailed(connection, event)
        return
      default:
        this.refuse(connection, event.id, REFUSALS[outcome.status])
    }
  }

  #answerDuplicate(connection: Connection, event: NostrEvent): void {
    this.#finish(connection)
    this.#deps.counters.events.duplicate++
    connection.sendText(okMessage(event.id, true, DUPLICATE))
  }

  #answerFailed(connection: Connection, event: NostrEvent): void {
    this.#finish(connection)
    this.#sendFailed(connection, event)
  }

  #sendFailed(connection: Connection, event: NostrEvent): void {
    const { counters } = this.#deps
    counters.events.failed++
    counters.refusals.error++
    connection.sendText(okMessage(event.id, false, STORE_FAILED))
  }

  #begin(connection: Connection): void {
    this.#unanswered++
    if (++connection.session.unansweredEvents === MAX_UNANSWERED) holdReading(connection, HOLD_FOR_STORE)
  }

  #finish(connection: Connection): void {
    const { session } = connection
    this.#unanswered--
    session.unansweredEvents--
    if (session.unansweredEvents === MAX_UNANSWERED / 2) releaseReading(connection, HOLD_FOR_STORE)
  }
}

const WRONG_ID = reason('invalid', 'the id is not the hash of the event')
const WRONG_SIGNATURE = reason('invalid', 'the signature does not fit the id and the key')
const DUPLICATE = reason('duplicate', 'this event is stored already')
const STORE_FAILED = reason('error', 'the event could not be stored, try again later')
const FAILED: PutOutcome = { status: 'failed', message: 'no answer' }

const REFUSALS = {
  superseded: reason('duplicate', 'a newer version is stored'),
  deleted: reason('blocked', 'its author has deleted this event'),
  vanished: reason('blocked', 'its author, or who it was sent to, has asked to vanish (NIP-62)'),
  expired: reason('invalid', 'the event has expired (NIP-40)'),
  ephemeral: reason('error', 'ephemeral events are not stored'),
} as const satisfies Partial<Record<PutOutcome['status'], string>>
