/**
 * One connection to a relay, and what is asked over it: live subscriptions whose stored part is the first page of the
 * past, then the rest of the past page by page; where the relay closes that, narrower subscriptions, then polling.
 */
import type { Clock } from '../../kernel/index.ts'
import type { EventIntake, RelayFeed } from '../event-intake.ts'
import type { Offence, RelayCursor } from '../relay-report.ts'
import { meaningOf } from './closed-reason.ts'
import type { CollectorLimits } from './collector-settings.ts'
import { FloodGauge } from './flood-gauge.ts'
import { type KindLane, kindLanes, laneIncludes, narrower, type Width } from './kind-lanes.ts'
import type { LinkEnd } from './link-failure.ts'
import { PAGE_EVENTS, type PageWalk } from './page-walk.ts'
import { Reading } from './reading.ts'
import { RelayLink } from './relay-link.ts'
import { type RelayMessage, subscriptionOf } from './relay-message.ts'
import type { RelayRoute } from './relay-route.ts'
import type { Latency } from './relay-tally.ts'

/** How the relay is read; it is remembered over connections. */
export interface ReadingMode {
  readonly width: Width
  readonly isPolling: boolean
}

export interface SessionHandlers extends RelayFeed {
  onOpen(): void
  /** It begins (again) to read the past, has read it, or polls from here on. */
  onPhase(phase: 'catching-up' | 'live' | 'polling'): void
  /** An event that holds came. */
  onGood(): void
  onMode(mode: ReadingMode): void
  onMeasured(what: Latency, ms: number): void
  /** Once; not after `leave`. */
  onEnd(end: LinkEnd): void
}

export interface SessionDeps {
  readonly route: RelayRoute
  readonly cursor: RelayCursor
  readonly mode: ReadingMode
  readonly kinds: readonly number[] | 'all'
  readonly backfillSeconds: number
  readonly pingMs: number
  readonly limits: CollectorLimits
  readonly intake: EventIntake
  readonly clock: Clock
  readonly handlers: SessionHandlers
}

interface Subscription {
  readonly id: string
  readonly kinds: KindLane
  readonly since: number
  /** Infinite for one that stays open. */
  readonly until: number
  readonly limit: number
  readonly askedMs: number
  readonly sentMs: number
  /** How long its stored events have been awaited while we read. */
  pendingMs: number
  /** What its stored events are a page of; undefined after their end. */
  walk: PageWalk | undefined
  lastMs: number
  count: number
  isAnswered: boolean
  /** We did not read for a while before its first answer: how long that took says nothing. */
  isUnmeasured: boolean
}

/** Events of subscriptions that were just closed may be on their way. */
const REMEMBERED_CLOSED = 16
/** A relay that says so often that we are too fast does not want us. */
const MAX_SLOWER = 6
const MAX_POLL_REFUSALS = 3

export class RelaySession {
  readonly #deps: SessionDeps
  readonly #link: RelayLink
  readonly #flood: FloodGauge
  #startedMs: number
  #tickedMs: number
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #closed: Subscription[] = []
  #mode: ReadingMode
  #reading: Reading | undefined
  #cursor: RelayCursor
  #lastId = 0
  #openedMs: number | undefined
  #lastSignMs = 0
  #pingedMs = 0
  /** When to begin to read (again): after being told to be slower, and with the next poll. */
  #beginMs: number | undefined
  /** The next page is not asked for yet, because it might come faster than a relay may send. */
  #isHeldBack = false
  #phase: 'catching-up' | 'live' | 'polling' = 'catching-up'
  #widestRead: Width | undefined
  #notice: string | undefined
  #slowerTimes = 0
  #pollRefusals = 0
  #hasAnswered = false
  #isOver = false
  #uncertainSeconds = 0

  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.#mode = deps.mode
    this.#cursor = deps.cursor
    this.#startedMs = deps.clock.nowMs()
    this.#tickedMs = this.#startedMs
    this.#flood = new FloodGauge(deps.limits, this.#startedMs)
    this.#link = new RelayLink(deps.route, deps.limits.maxMessageBytes, {
      onOpen: (tookMs) => this.#onOpen(tookMs),
      onBytes: (bytes) => this.#onBytes(bytes),
      onEvent: (data) => this.#onEvent(data),
      onMessage: (message) => this.#onMessage(message),
      onPong: (tookMs) => {
        this.#lastSignMs = deps.clock.nowMs()
        if (tookMs !== undefined) deps.handlers.onMeasured('pingMs', tookMs)
      },
      onOffence: (offence) => this.#offend(offence),
      onEnd: (end) => this.#end(end),
    })
  }

  get isOpen(): boolean {
    return this.#openedMs !== undefined && !this.#isOver
  }

  /** The relay has answered something that was asked. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** When the relay sent anything last, in milliseconds; 0 before it did. */
  get lastSignMs(): number {
    return this.#lastSignMs
  }

  /** Asks for a sign of life, unless one is awaited already. */
  probe(): void {
    if (!this.isOpen || this.#link.isPinged || this.#link.isPaused) return
    this.#pingedMs = this.#deps.clock.nowMs()
    this.#link.ping()
  }

  /** What was read whole by now; covers nothing that was not given to the intake. */
  get cursor(): RelayCursor {
    if (this.#reading === undefined) return this.#cursor
    const isLive = !this.#mode.isPolling
    return this.#reading.cursorAt(isLive ? Math.floor(this.#lastSignMs / 1_000) : undefined)
  }

  get uncertainSeconds(): number {
    return this.#uncertainSeconds + (this.#reading?.uncertainSeconds ?? 0)
  }

  /** Was this asked for? Of subscriptions that are open, or were a moment ago. */
  isAsked(subscriptionId: string, kind: number, createdAt: number): boolean {
    const subscription =
      this.#subscriptions.get(subscriptionId) ?? this.#closed.find(({ id }) => id === subscriptionId)
    if (subscription === undefined) return false
    const { kinds, since, until } = subscription
    return laneIncludes(kinds, kind) && createdAt >= since && createdAt <= until
  }

  /** Looks at everything that has a time. */
  tick(nowMs: number): void {
    if (this.#isOver) return
    this.#flood.fill(nowMs)
    this.#excuseLateness(nowMs)
    if (this.#openedMs === undefined) this.#tickConnecting(nowMs)
    else if (this.#link.isPaused || this.#deps.intake.isFull) this.#excuse(nowMs)
    else this.#tickOpen(nowMs)
  }

  pause(): void {
    if (this.isOpen) this.#pause()
  }

  resume(): void {
    if (this.isOpen && this.#link.isPaused) this.#link.resume()
  }

  /** Ends the connection from our side. Nothing is told of it; the cursor stays. */
  leave(): void {
    if (this.#isOver) return
    this.#stopReading()
    this.#isOver = true
    this.#link.leave()
  }

  #pause(): void {
    this.#link.pause()
    for (const subscription of this.#subscriptions.values()) subscription.isUnmeasured = true
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    this.leave()
    this.#deps.handlers.onEnd(end)
  }

  #offend(offence: Offence): void {
    this.#deps.handlers.offend(offence)
  }

  #tickConnecting(nowMs: number): void {
    if (nowMs - this.#startedMs < this.#deps.limits.connectTimeoutMs) return
    if (this.#link.isReached) this.#end({ reason: 'it did not answer the handshake', offence: 'silent' })
    else this.#end({ reason: 'it cannot be reached' })
  }

  /** When this thread was busy, answers may lie in the socket: what we were late by does not count against the relay. */
  #excuseLateness(nowMs: number): void {
    const lateMs = nowMs - this.#tickedMs - 2 * this.#deps.limits.tickMs
    this.#tickedMs = nowMs
    if (lateMs <= 0) return
    this.#startedMs += lateMs
    this.#pingedMs += lateMs
    for (const subscription of this.#subscriptions.values()) {
      subscription.lastMs = Math.min(nowMs, subscription.lastMs + lateMs)
    }
  }

  /** While we do not read, nobody can be late. */
  #excuse(nowMs: number): void {
    for (const subscription of this.#subscriptions.values()) subscription.lastMs = nowMs
    this.#pingedMs = nowMs
  }

  #tickOpen(nowMs: number): void {
    this.#tickPing(nowMs)
    for (const subscription of this.#subscriptions.values()) {
      if (!this.#isOver && subscription.walk !== undefined) this.#tickPending(subscription, nowMs)
    }
    if (this.#isOver) return
    if (this.#beginMs !== undefined && nowMs >= this.#beginMs) this.#begin()
    else if (this.#isHeldBack) this.#goOn()
  }

  #tickPing(nowMs: number): void {
    if (nowMs - this.#pingedMs < this.#deps.pingMs) return
    if (this.#link.isPinged && this.#lastSignMs < this.#pingedMs) {
      this.#end({ reason: 'it gives no sign of life', offence: 'silent' })
      return
    }
    this.#pingedMs = nowMs
    this.#link.ping()
  }

  #tickPending(subscription: Subscription, nowMs: number): void {
    const { answerTimeoutMs, streamTimeoutMs, tickMs } = this.#deps.limits
    subscription.pendingMs += tickMs
    if (subscription.isAnswered && subscription.pendingMs >= streamTimeoutMs) {
      this.#end({ reason: 'stored events without an end', offence: 'endless-stream' })
    } else if (nowMs - subscription.lastMs < answerTimeoutMs) {
      return
    } else if (subscription.isAnswered) {
      this.#giveUpPage(subscription)
    } else if (this.#notice !== undefined) {
      // Many relays complain in a NOTICE instead of a CLOSED.
      this.#close(subscription)
      this.#onRefused(this.#notice, subscription)
    } else {
      this.#end({ reason: 'it did not answer a REQ', offence: 'silent' })
    }
  }

  /** It has sent events and then nothing, not even that this was all: nobody knows whether it was. */
  #giveUpPage(subscription: Subscription): void {
    this.#offend('no-eose')
    if (this.#isOver) return
    subscription.walk?.abandon()
    subscription.walk = undefined
    if (subscription.until !== Number.POSITIVE_INFINITY) this.#close(subscription)
    this.#goOn()
  }

  #onOpen(tookMs: number): void {
    const nowMs = this.#deps.clock.nowMs()
    this.#openedMs = nowMs
    this.#lastSignMs = nowMs
    this.#pingedMs = nowMs
    this.#deps.handlers.onMeasured('openMs', tookMs)
    this.#deps.handlers.onOpen()
    if (this.#isOver) return
    this.#link.ping()
    this.#begin()
  }

  #onBytes(bytes: number): boolean {
    this.#lastSignMs = this.#deps.clock.nowMs()
    if (!this.#flood.take(bytes)) return true
    this.#end({ reason: 'it sends more than it may', offence: 'flood' })
    return false
  }

  #stopReading(): void {
    this.#cursor = this.cursor
    this.#uncertainSeconds = this.uncertainSeconds
    this.#reading = undefined
  }

  /** Begins to read from the cursor on, as the mode says. */
  #begin(): void {
    const { kinds, backfillSeconds, clock } = this.#deps
    const nowSeconds = clock.nowSeconds()
    this.#beginMs = undefined
    this.#notice = undefined
    this.#stopReading()
    const lanes = kindLanes(kinds, this.#mode.width)
    this.#reading = new Reading({
      cursor: this.#cursor,
      startSeconds: nowSeconds,
      floorSeconds: backfillSeconds === 0 ? 0 : Math.max(0, nowSeconds - backfillSeconds),
      lanes: lanes.length,
    })
    if (this.#mode.isPolling) {
      this.#tell('polling')
      this.#goOn()
      return
    }
    this.#tell('catching-up')
    for (const [lane, laneKinds] of lanes.entries()) this.#askLive(laneKinds, this.#reading.walkOf(lane))
  }

  #tell(phase: 'catching-up' | 'live' | 'polling'): void {
    if (this.#phase === phase && phase !== 'catching-up') return
    this.#phase = phase
    this.#deps.handlers.onPhase(phase)
  }

  #askLive(kinds: KindLane, walk: PageWalk | undefined): void {
    const since = this.#reading?.sinceSeconds ?? 0
    this.#ask({ kinds, since, until: Number.POSITIVE_INFINITY, limit: PAGE_EVENTS }, walk)
  }

  /** The next page of the past, when none is on its way; or the end of it. */
  #goOn(): void {
    this.#isHeldBack = false
    const reading = this.#reading
    if (this.#isOver || reading === undefined || this.#beginMs !== undefined) return
    for (const { walk } of this.#subscriptions.values()) if (walk !== undefined) return
    const lane = reading.hindmostLane
    const walk = lane === undefined ? undefined : reading.walkOf(lane)
    const page = walk?.next
    if (lane === undefined || page === undefined) {
      this.#onCaughtUp()
      return
    }
    if (!this.#flood.hasRoomFor(page.limit)) {
      this.#isHeldBack = true
      return
    }
    this.#ask({ ...page, kinds: kindLanes(this.#deps.kinds, this.#mode.width)[lane] }, walk)
  }

  #onCaughtUp(): void {
    this.#slowerTimes = 0
    if (this.#mode.isPolling) {
      this.#beginMs = this.#deps.clock.nowMs() + this.#deps.limits.pollMs
      return
    }
    this.#tell('live')
  }

  #ask(asked: Pick<Subscription, 'kinds' | 'since' | 'until' | 'limit'>, walk: PageWalk | undefined): void {
    const nowMs = this.#deps.clock.nowMs()
    this.#lastId += 1
    const id = `o${this.#lastId}`
    const { kinds, since, until, limit } = asked
    const filter = {
      ...(kinds !== undefined && { kinds }),
      ...(since > 0 && { since }),
      ...(until !== Number.POSITIVE_INFINITY && { until }),
      limit,
    }
    const sentMs = performance.now()
    this.#subscriptions.set(id, {
      id,
      kinds,
      since,
      until,
      limit,
      walk,
      sentMs,
      askedMs: nowMs,
      pendingMs: 0,
      lastMs: nowMs,
      count: 0,
      isAnswered: false,
      isUnmeasured: false,
    })
    this.#link.send(JSON.stringify(['REQ', id, filter]))
  }

  /** Forgets a subscription, except that events of it may be on their way. */
  #forget(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.id)
    this.#closed.push(subscription)
    if (this.#closed.length > REMEMBERED_CLOSED) this.#closed.shift()
  }

  #close(subscription: Subscription): void {
    this.#forget(subscription)
    this.#link.send(JSON.stringify(['CLOSE', subscription.id]))
  }

  /** Asks for nothing any more; the cursor stays where it is. */
  #closeAll(): void {
    this.#stopReading()
    for (const subscription of this.#subscriptions.values()) this.#close(subscription)
  }

  #onEvent(data: Buffer): void {
    const { intake, handlers } = this.#deps
    const subscription = this.#subscriptions.get(subscriptionOf(data))
    if (subscription !== undefined) this.#onAnswer(subscription)
    const createdAt = intake.take(handlers, data)
    if (this.#isOver) return
    if (createdAt >= 0) handlers.onGood()
    if (intake.isFull) this.#pause()
    if (subscription?.walk === undefined) return
    subscription.walk.saw(createdAt)
    subscription.count += 1
    // Some relays send a few more than they are asked for; there is an end to it.
    if (subscription.count > 2 * subscription.limit + PAGE_EVENTS) {
      this.#end({ reason: 'stored events without an end', offence: 'endless-stream' })
    }
  }

  #onAnswer(subscription: Subscription): void {
    subscription.lastMs = this.#lastSignMs
    if (subscription.isAnswered) return
    subscription.isAnswered = true
    this.#hasAnswered = true
    if (subscription.isUnmeasured) return
    this.#deps.handlers.onMeasured('readMs', performance.now() - subscription.sentMs)
  }

  #onMessage(message: Exclude<RelayMessage, { verb: 'EVENT' }>): void {
    if (message.verb === 'NOTICE') this.#onNotice(message.text)
    if (message.verb !== 'EOSE' && message.verb !== 'CLOSED') return
    const subscription = this.#subscriptions.get(message.id)
    if (subscription === undefined) return
    this.#onAnswer(subscription)
    if (message.verb === 'EOSE') {
      this.#onStoredSent(subscription)
    } else {
      this.#forget(subscription)
      this.#onRefused(message.text, subscription)
    }
  }

  #onNotice(text: string): void {
    this.#notice = text
    if (meaningOf(text) === 'slower') this.#beSlower()
  }

  #onStoredSent(subscription: Subscription): void {
    if (subscription.walk === undefined) return
    subscription.walk.finish(subscription.until === Number.POSITIVE_INFINITY)
    subscription.walk = undefined
    this.#pollRefusals = 0
    this.#widestRead ??= this.#mode.width
    if (subscription.until !== Number.POSITIVE_INFINITY) this.#close(subscription)
    this.#goOn()
  }

  /** The relay has closed a subscription, or said in another way that it will not serve it. */
  #onRefused(text: string, subscription: Subscription): void {
    const meaning = meaningOf(text)
    if (meaning === 'refused') this.#end({ reason: text, isRefused: true })
    else if (meaning === 'slower') this.#beSlower()
    else if (this.#mode.isPolling) this.#onPollRefused(text)
    else if (meaning === 'fewer') this.#changeMode(this.#pollingMode())
    else if (this.#hasLasted(subscription)) this.#changeMode(this.#mode)
    else this.#changeMode(this.#narrowerMode())
  }

  /** It served us well for a while: what it closes then may be opened again. */
  #hasLasted({ askedMs, walk }: Subscription): boolean {
    return walk === undefined && this.#deps.clock.nowMs() - askedMs >= this.#deps.limits.stableMs
  }

  #narrowerMode(): ReadingMode {
    const width = narrower(this.#deps.kinds, this.#mode.width)
    return width === undefined ? this.#pollingMode() : { width, isPolling: false }
  }

  /** As wide as the relay has ever answered to the end. */
  #pollingMode(): ReadingMode {
    return { width: this.#widestRead ?? 'single', isPolling: true }
  }

  #changeMode(mode: ReadingMode): void {
    this.#closeAll()
    this.#mode = mode
    this.#deps.handlers.onMode(mode)
    this.#begin()
  }

  #onPollRefused(text: string): void {
    this.#pollRefusals += 1
    if (this.#pollRefusals > MAX_POLL_REFUSALS) {
      this.#end({ reason: `it closes every subscription: ${text}` })
      return
    }
    this.#mode = { width: 'single', isPolling: true }
    this.#deps.handlers.onMode(this.#mode)
    this.#closeAll()
    this.#beginMs = this.#deps.clock.nowMs() + this.#deps.limits.pollMs
  }

  #beSlower(): void {
    if (this.#beginMs !== undefined && this.#subscriptions.size === 0) return
    this.#slowerTimes += 1
    if (this.#slowerTimes > MAX_SLOWER) {
      this.#end({ reason: 'it limits how fast we may ask', isRefused: true })
      return
    }
    this.#closeAll()
    const waitMs = this.#deps.limits.slowerMs * 2 ** (this.#slowerTimes - 1)
    this.#beginMs = this.#deps.clock.nowMs() + waitMs
  }
}
