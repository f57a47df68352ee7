import type { Clock } from '../../kernel/index.ts'
import { computeEventId, type NostrEvent } from '../../nostr/index.ts'
import type { SignatureVerifier } from '../../platform/index.ts'
import type { RelayFeed } from '../event-intake.ts'
import { ObservationBatch } from '../observation-batch.ts'
import type { Offence } from '../relay-report.ts'
import { Asking } from './asking.ts'
import { CanonicalReader } from './canonical-event.ts'
import { factsOf } from './event-facts.ts'
import { AFTER_SUBSCRIPTION, type FrameScan, SUBSCRIPTION_AT, scanFrame } from './frame-scan.ts'
import { hex32InText } from './hex-fingerprint.ts'
import { DEFAULT_INTAKE_LIMITS, type IntakeLimits } from './intake-limits.ts'
import type { IntakeStats } from './intake-stats.ts'
import { LoneAuthors } from './lone-authors.ts'
import type { ObservationIntake } from './observation-intake.ts'
import { parseFrame } from './parse-frame.ts'
import { SeenEvents } from './seen-events.ts'
import type { SharedSeen } from './shared-seen.ts'
import type { ZapSigners } from './zap-signers.ts'

export interface IntakeDeps {
  readonly verifier: SignatureVerifier
  readonly clock: Clock
  /** `DEFAULT_INTAKE_LIMITS` when absent. */
  readonly limits?: IntakeLimits
  /** Without it no zap counts as checked. */
  readonly zapSigners?: ZapSigners
  /** Without it every event is verified that this process has not seen. */
  readonly shared?: SharedSeen
  /** Kinds that are verified and told of (`onEvent`), and make no observation: what relays are discovered by. */
  readonly uncounted?: ReadonlySet<number>
}

/** Makes the way from the bytes of relays to observations. */
export function createIntake(deps: IntakeDeps): ObservationIntake {
  return new Intake(deps)
}

/** An event dated later than this beyond now is in no figure. */
const MAX_AHEAD_SECONDS = 15 * 60
/** 2020-11-07: before this day there was no Nostr. */
const NOSTR_BEGINS_SECONDS = 1_604_707_200
/** Their authors are made for one event and forgotten (NIP-EE, NIP-59). */
const THROWAWAY_AUTHOR_KINDS: ReadonlySet<number> = new Set([445, 1_059])
const REFUSED = -1

/** An event whose id is right, and the relay that shows it. */
interface Unverified {
  readonly feed: RelayFeed
  readonly event: NostrEvent
}

class Intake implements ObservationIntake {
  readonly #deps: IntakeDeps
  readonly #clock: Clock
  readonly #limits: IntakeLimits
  readonly #seen: SeenEvents
  readonly #authors: LoneAuthors
  readonly #asking: Asking<Unverified> | undefined
  readonly #reader = new CanonicalReader()
  readonly #scan: FrameScan = { subscriptionEnd: 0, high: 0, low: 0 }
  readonly #drainListeners = new Set<() => void>()
  readonly #eventListeners = new Set<(event: NostrEvent) => void>()
  #batch = new ObservationBatch()
  #isFull = false
  #noticeRows = Number.POSITIVE_INFINITY
  #onRows: (() => void) | undefined
  /** The name of the last subscription, byte by byte: most messages come for the same. */
  #subscriptionId = ''
  #messages = 0
  #observations = 0
  #known = 0
  #verified = 0
  #spared = 0
  #refused = 0

  constructor(deps: IntakeDeps) {
    const { limits = DEFAULT_INTAKE_LIMITS, clock, shared } = deps
    this.#deps = deps
    this.#clock = clock
    this.#limits = limits
    const now = clock.nowSeconds()
    this.#seen = new SeenEvents({ maxEvents: limits.maxSeenEvents, rotateSeconds: limits.seenSeconds }, now)
    this.#authors = new LoneAuthors(
      {
        maxAuthors: limits.maxAuthors,
        maxLone: limits.maxLoneAuthors,
        windowSeconds: limits.loneAuthorsWindowSeconds,
      },
      now,
    )
    this.#asking =
      shared === undefined
        ? undefined
        : new Asking({
            shared,
            maxWaiting: limits.maxAsking,
            decide: (unverified, isKnown) => this.#decide(unverified, isKnown),
          })
  }

  take(feed: RelayFeed, data: Buffer): number {
    this.#messages++
    const scan = this.#scan
    if (!scanFrame(data, scan)) return this.#takeParsed(feed, data)
    if (this.#seen.find(scan.high, scan.low))
      return this.#takeKnown(feed, this.#subscriptionOf(data, scan.subscriptionEnd))
    const event = this.#reader.read(data, scan.subscriptionEnd + AFTER_SUBSCRIPTION)
    if (event === undefined) return this.#takeParsed(feed, data)
    const subscriptionId = this.#subscriptionOf(data, scan.subscriptionEnd)
    return (
      this.#refusalOf(feed, subscriptionId, event) ??
      this.#takeUnseen(feed, event, this.#reader.computeId(data))
    )
  }

  get isFull(): boolean {
    return this.#isFull
  }

  onDrain(listener: () => void): () => void {
    return addListener(this.#drainListeners, listener)
  }

  onEvent(listener: (event: NostrEvent) => void): () => void {
    return addListener(this.#eventListeners, listener)
  }

  takeBatch(): ObservationBatch {
    const batch = this.#batch
    this.#batch = new ObservationBatch()
    if (this.#isFull) {
      this.#isFull = false
      for (const listener of this.#drainListeners) listener()
    }
    return batch
  }

  get waitingRows(): number {
    return this.#batch.count
  }

  get maxRows(): number {
    return this.#limits.maxRows
  }

  whenRows(rows: number, listener: () => void): void {
    this.#noticeRows = rows
    this.#onRows = listener
  }

  settled(): Promise<void> | undefined {
    return this.#asking?.settled()
  }

  stats(): IntakeStats {
    return {
      messages: this.#messages,
      observations: this.#observations,
      known: this.#known,
      verified: this.#verified,
      spared: this.#spared,
      refused: this.#refused,
      waitingRows: this.#batch.count,
      seenEvents: this.#seen.count,
    }
  }

  #subscriptionOf(data: Buffer, end: number): string {
    const last = this.#subscriptionId
    let isSame = last.length === end - SUBSCRIPTION_AT
    for (let at = 0; isSame && at < last.length; at++) {
      isSame = data[SUBSCRIPTION_AT + at] === last.charCodeAt(at)
    }
    if (!isSame) this.#subscriptionId = data.toString('latin1', SUBSCRIPTION_AT, end)
    return this.#subscriptionId
  }

  /** The cursor of the table is on the event. */
  #takeKnown(feed: RelayFeed, subscriptionId: string): number {
    const seen = this.#seen
    if (!feed.isAsked(subscriptionId, seen.kind, seen.createdAt)) return this.#refuse(feed, 'not-asked-for')
    this.#known++
    if (seen.isAuthorLone && !this.#authors.note(feed, seen.authorHigh, seen.authorLow))
      seen.noteAuthorShared()
    return this.#observe(feed, seen.high, seen.low)
  }

  /** The plain way, for whatever is not spelled as most relays spell it. */
  #takeParsed(feed: RelayFeed, data: Buffer): number {
    const frame = parseFrame(data)
    if (!frame.ok) return this.#refuse(feed, frame.refusal)
    const { subscriptionId, event } = frame.value
    if (this.#find(event)) return this.#takeKnown(feed, subscriptionId)
    return (
      this.#refusalOf(feed, subscriptionId, event) ?? this.#takeUnseen(feed, event, computeEventId(event))
    )
  }

  /** Undefined for an event that is to be looked at further. */
  #refusalOf(feed: RelayFeed, subscriptionId: string, event: NostrEvent): number | undefined {
    if (!feed.isAsked(subscriptionId, event.kind, event.created_at))
      return this.#refuse(feed, 'not-asked-for')
    return this.#isOfInventedKey(feed, event) ? this.#refuse(feed, 'too-many-keys') : undefined
  }

  /** @param id what is hashed of the event, not what it says. */
  #takeUnseen(feed: RelayFeed, event: NostrEvent, id: string): number {
    if (id !== event.id) return this.#refuse(feed, 'forged-id')
    const unverified = { feed, event }
    if (this.#asking === undefined || this.#asking.isFull) return this.#verify(unverified)
    this.#asking.ask(unverified)
    const isOfOurTime = dateOffence(event.created_at, this.#clock.nowSeconds()) === undefined
    return isOfOurTime ? event.created_at : REFUSED
  }

  /** What the shared table says of an event that has waited; by now it may be known here. */
  #decide(unverified: Unverified, isKnown: boolean): void {
    const { feed, event } = unverified
    if (this.#find(event)) {
      this.#known++
      this.#observe(feed, this.#seen.high, this.#seen.low)
    } else if (isKnown) {
      this.#spared++
      this.#enter(feed, event)
    } else this.#verify(unverified)
  }

  #verify({ feed, event }: Unverified): number {
    this.#verified++
    if (!this.#deps.verifier.verify(event.id, event.pubkey, event.sig))
      return this.#refuse(feed, 'wrong-signature')
    const createdAt = this.#enter(feed, event)
    this.#asking?.tell(event.id)
    this.#deps.zapSigners?.learn?.(event)
    for (const listener of this.#eventListeners) listener(event)
    return createdAt
  }

  /** Only an event that holds gets here: a forged copy in the table would hide the real one. */
  #enter(feed: RelayFeed, event: NostrEvent): number {
    const facts = factsOf(event, this.#deps)
    const isAuthorLone =
      !THROWAWAY_AUTHOR_KINDS.has(event.kind) && this.#authors.note(feed, facts.authorHigh, facts.authorLow)
    this.#seen.add({ ...facts, isAuthorLone }, this.#clock.nowSeconds())
    return this.#observe(feed, facts.high, facts.low)
  }

  /** Writes the row of the event that the cursor of the table is on. */
  #observe(feed: RelayFeed, high: number, low: number): number {
    const seen = this.#seen
    const batch = this.#batch
    const seenAt = this.#clock.nowSeconds()
    const { createdAt, client, zapMsat } = seen
    const offence = dateOffence(createdAt, seenAt)
    // Counted apart by the engine, and against the relay here.
    if (offence !== undefined) feed.offend(offence)
    const answer = offence === undefined ? createdAt : REFUSED
    if (this.#deps.uncounted?.has(seen.kind) === true) return answer
    const row = batch.addRow()
    batch.relay[row] = feed.relay
    batch.eventHigh[row] = high
    batch.eventLow[row] = low
    batch.authorHigh[row] = seen.authorHigh
    batch.authorLow[row] = seen.authorLow
    batch.createdAt[row] = createdAt
    batch.seenAt[row] = seenAt
    batch.kind[row] = seen.kind
    batch.language[row] = seen.language
    if (client !== undefined) batch.client[row] = batch.clientNumber(client)
    if (zapMsat !== 0n) {
      batch.zapMsat[row] = zapMsat
      batch.isZapSignerChecked[row] = seen.isZapSignerChecked ? 1 : 0
    }
    this.#observations++
    const rows = row + 1
    if (rows > this.#limits.maxRows) this.#isFull = true
    if (rows === this.#noticeRows) this.#onRows?.()
    return answer
  }

  #find(event: NostrEvent): boolean {
    return this.#seen.find(hex32InText(event.id, 0), hex32InText(event.id, 8))
  }

  #isOfInventedKey(feed: RelayFeed, { kind, pubkey }: NostrEvent): boolean {
    if (THROWAWAY_AUTHOR_KINDS.has(kind)) return false
    const now = this.#clock.nowSeconds()
    return this.#authors.isRefused(feed, hex32InText(pubkey, 0), hex32InText(pubkey, 8), now)
  }

  #refuse(feed: RelayFeed, offence: Offence): number {
    this.#refused++
    feed.offend(offence)
    return REFUSED
  }
}

function dateOffence(createdAt: number, seenAt: number): Offence | undefined {
  if (createdAt > seenAt + MAX_AHEAD_SECONDS) return 'future-date'
  return createdAt < NOSTR_BEGINS_SECONDS ? 'absurd-date' : undefined
}

function addListener<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
