/** One relay over all its connections: its state, what it has proved, when it is tried again, and its reports. */
import { AppError, type Clock } from '../../kernel/index.ts'
import type { EventIntake } from '../event-intake.ts'
import type { DirectoryEntry } from '../relay-directory.ts'
import type { Offence, RelayCursor, RelayInformationFacts, RelayReport, RelayState } from '../relay-report.ts'
import type { CollectorLimits, CollectorSettings } from './collector-settings.ts'
import type { LinkEnd } from './link-failure.ts'
import { OffenceBook } from './offence-book.ts'
import { afterMove, type RelayMove } from './relay-moves.ts'
import type { RelayRoute } from './relay-route.ts'
import { type ReadingMode, RelaySession } from './relay-session.ts'
import { type Latency, RelayTally } from './relay-tally.ts'
import { retryDelayMs } from './retry-delay.ts'

export interface WatchDeps {
  readonly entry: DirectoryEntry
  readonly route: RelayRoute
  /** The relay of this very program. */
  readonly isOwn: boolean
  readonly settings: CollectorSettings
  readonly limits: CollectorLimits
  readonly intake: EventIntake
  readonly clock: Clock
  /** From 0 to 1, evenly spread. */
  readonly random: () => number
  /** The information of the relay (NIP-11); undefined when it gives none. */
  readonly askInformation: (route: RelayRoute) => Promise<RelayInformationFacts | undefined>
}

const DAY_MS = 86_400_000
/** Narrower subscriptions are held to for so long; then the relay may have learnt more. */
const MODE_KEPT_MS = DAY_MS
/** A relay that waits has little to report. */
const WAITING_REPORT_FACTOR = 6
const WIDE: ReadingMode = { width: 'wide', isPolling: false }

export class RelayWatch {
  readonly #deps: WatchDeps
  readonly #book: OffenceBook
  readonly #tally = new RelayTally()
  #state: RelayState
  #reason: string | undefined
  #session: RelaySession | undefined
  #mode = WIDE
  #modeSinceMs = 0
  #cursor: RelayCursor
  #isProven: boolean
  #failures: number
  #nextTryMs: number
  #isWanted = false
  #openedMs: number | undefined
  #goodMs: number
  #information: RelayInformationFacts | undefined
  #isInformationNew = false
  #nextInformationMs = 0
  #tickedMs: number
  #reportedMs: number
  #isChanged = false
  #lastPingMs: number | undefined
  #uncertainSeconds = 0

  constructor(deps: WatchDeps) {
    const { entry, clock, limits } = deps
    this.#deps = deps
    this.#book = new OffenceBook(limits.maxOffencePointsPerHour)
    this.#state = entry.isProven ? 'waiting' : 'candidate'
    this.#cursor = entry.cursor
    this.#isProven = entry.isProven
    this.#failures = entry.failures
    this.#nextTryMs = entry.nextTrySeconds * 1_000
    this.#tickedMs = clock.nowMs()
    this.#reportedMs = this.#tickedMs
    // A cursor that was moved lately was moved by a connection.
    this.#goodMs = entry.isProven ? (entry.cursor.until ?? 0) * 1_000 : 0
  }

  get relay(): number {
    return this.#deps.entry.relay
  }

  get url(): string {
    return this.#deps.entry.url
  }

  get state(): RelayState {
    return this.#state
  }

  get reason(): string | undefined {
    return this.#reason
  }

  get isProven(): boolean {
    return this.#isProven
  }

  get failures(): number {
    return this.#failures
  }

  get nextTryMs(): number {
    return this.#nextTryMs
  }

  /** It holds one of the connections, or is about to. */
  get isActive(): boolean {
    return this.#session !== undefined
  }

  get isConnected(): boolean {
    return this.#session?.isOpen === true
  }

  get cursor(): RelayCursor {
    return this.#session?.cursor ?? this.#cursor
  }

  get uncertainSeconds(): number {
    return this.#uncertainSeconds + (this.#session?.uncertainSeconds ?? 0)
  }

  get offences(): ReadonlyMap<Offence, number> {
    return this.#book.totals
  }

  get lastPingMs(): number | undefined {
    return this.#lastPingMs
  }

  connect(): void {
    const { route, settings, limits, intake, clock, isOwn } = this.#deps
    const nowMs = clock.nowMs()
    this.#move('connect', undefined)
    this.#isWanted = true
    this.#openedMs = undefined
    if (nowMs - this.#modeSinceMs >= MODE_KEPT_MS) this.#mode = WIDE
    this.#session = new RelaySession({
      route,
      cursor: this.#cursor,
      mode: this.#mode,
      kinds: settings.kinds,
      backfillSeconds: settings.backfillSeconds,
      pingMs: settings.pingSeconds * 1_000,
      limits,
      intake,
      clock,
      handlers: {
        relay: this.relay,
        isOwn,
        isAsked: (id, kind, createdAt) => this.#session?.isAsked(id, kind, createdAt) ?? false,
        offend: (offence) => this.#offend(offence),
        onOpen: () => this.#onOpen(),
        onPhase: (phase) => this.#onPhase(phase),
        onGood: () => this.#prove(),
        onMode: (mode) => {
          this.#mode = mode
          this.#modeSinceMs = clock.nowMs()
        },
        onMeasured: (what, ms) => this.#onMeasured(what, ms),
        onEnd: (end) => this.#onEnd(end),
      },
    })
  }

  /**
   * Gives the connection back: another relay needs it, or another collector reads this one.
   *
   * @param forMs not to be tried again for so long, so that others have their turn.
   */
  release(reason: string, forMs = 0): void {
    if (this.#session === undefined) return
    this.#leaveSession()
    this.#nextTryMs = forMs === 0 ? 0 : this.#deps.clock.nowMs() + forMs
    this.#isWanted = false
    this.#move('release', reason)
  }

  /** It is not connected to: for its address, or because an operator will have nothing to do with it. */
  refuse(reason: string): void {
    if (this.#state === 'refused') return
    this.release(reason)
    this.#isWanted = false
    this.#move('refuse', reason)
  }

  /** It may be connected to again, and is tried soon. */
  allow(): void {
    if (this.#state !== 'refused') return
    this.#nextTryMs = 0
    this.#move('allow', undefined)
  }

  pause(): void {
    this.#session?.pause()
  }

  resume(): void {
    this.#session?.resume()
  }

  /** Looks at everything that has a time. */
  tick(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#tickedMs)
    if (this.#openedMs !== undefined) this.#openedMs += this.#excusedMs(nowMs)
    this.#tickedMs = nowMs
    // Most addresses lead nowhere; only of a relay is it worth knowing how long it was away.
    if (this.#isWanted && this.#isProven) this.#tally.watched(elapsedMs, this.isConnected)
    this.#session?.tick(nowMs)
    if (this.#openedMs === undefined || !this.isConnected) return
    if (nowMs - this.#openedMs >= this.#deps.limits.stableMs && this.#session?.hasAnswered === true) {
      this.#goodMs = nowMs
      if (this.#failures > 0) this.#changeFailures(0)
    }
    if (!this.#isProven && nowMs - this.#openedMs >= this.#deps.limits.proveMs) {
      this.#fail({ reason: 'it has shown neither an event nor its information' })
      return
    }
    if (nowMs >= this.#nextInformationMs) this.#learnInformation(nowMs)
  }

  /**
   * Of the time since the last tick, what does not count against the relay: while this thread was busy what it sent may have
   * lain in the socket, and while the intake is full it is not read.
   */
  #excusedMs(nowMs: number): number {
    const { intake, limits } = this.#deps
    const sinceTickMs = Math.max(0, nowMs - this.#tickedMs)
    return intake.isFull ? sinceTickMs : Math.max(0, sinceTickMs - 2 * limits.tickMs)
  }

  /** What changed since the last report; undefined while it is not worth one. */
  takeReport(nowMs: number, isLast = false): RelayReport | undefined {
    const { limits, clock } = this.#deps
    const interval = limits.reportMs * (this.isActive ? 1 : WAITING_REPORT_FACTOR)
    const isWatched = this.#isWanted && (this.isActive || this.#isProven)
    const isDue = isWatched && nowMs - this.#reportedMs >= interval
    if (!this.#isChanged && !isDue && !this.#book.hasUnreported && !isLast) return undefined
    const information = this.#isInformationNew ? this.#information : undefined
    this.#reportedMs = nowMs
    this.#isChanged = false
    this.#isInformationNew = false
    return {
      relay: this.relay,
      atSeconds: clock.nowSeconds(),
      state: this.#state,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      ...this.#tally.take(),
      offences: this.#book.take(),
      ...(information !== undefined && { information }),
      ...(this.cursor.until !== undefined && { cursor: this.cursor }),
      isProven: this.#isProven,
      failures: this.#failures,
      nextTrySeconds: this.isActive ? 0 : Math.ceil(this.#nextTryMs / 1_000),
    }
  }

  #move(move: RelayMove, reason: string | undefined): void {
    const next = afterMove(this.#state, move)
    if (next === undefined) {
      throw new AppError('INTERNAL', `A relay cannot ${move} while it is ${this.#state}.`)
    }
    this.#state = next
    this.#reason = reason
    this.#isChanged = true
  }

  #onOpen(): void {
    this.#openedMs = this.#deps.clock.nowMs()
    this.#move('open', undefined)
  }

  #onPhase(phase: 'catching-up' | 'live' | 'polling'): void {
    if (phase === 'live' && this.#state === 'catching-up') this.#move('catch-up', undefined)
    if (phase === 'catching-up' && this.#state === 'live') this.#move('open', 'it closed a subscription')
    if (phase === 'polling' && this.#state !== 'polling') this.#move('poll', 'it closes subscriptions')
  }

  #onMeasured(what: Latency, ms: number): void {
    if (what === 'pingMs') this.#lastPingMs = ms
    this.#tally.measured(what, ms)
  }

  #prove(): void {
    if (this.#isProven) return
    this.#isProven = true
    this.#isChanged = true
  }

  #offend(offence: Offence): void {
    const nowMs = this.#deps.clock.nowMs()
    if (!this.#book.note(offence, nowMs) || this.#session === undefined) return
    this.#book.forgive()
    this.#fail({ reason: `too many offences, the last: ${offence}` })
  }

  #onEnd(end: LinkEnd): void {
    const nowMs = this.#deps.clock.nowMs()
    const wasAtOnce =
      end.isByRelay === true &&
      this.#openedMs !== undefined &&
      this.#session?.hasAnswered !== true &&
      nowMs - this.#openedMs - this.#excusedMs(nowMs) < this.#deps.limits.atOnceMs
    if (wasAtOnce) this.#book.note('closed-at-once', nowMs)
    if (end.offence !== undefined) this.#book.note(end.offence, nowMs)
    this.#fail(wasAtOnce ? { ...end, reason: 'it closed the connection at once' } : end)
  }

  #fail({ reason, isRefused = false }: LinkEnd): void {
    const nowMs = this.#deps.clock.nowMs()
    this.#leaveSession()
    this.#changeFailures(this.#failures + 1)
    const wasGood = nowMs - this.#goodMs < DAY_MS
    const random = this.#deps.random()
    this.#nextTryMs = nowMs + retryDelayMs({ failures: this.#failures, wasGood, isRefused, random })
    this.#move('fail', reason)
  }

  #leaveSession(): void {
    const session = this.#session
    if (session === undefined) return
    session.leave()
    this.#cursor = session.cursor
    this.#uncertainSeconds += session.uncertainSeconds
    this.#session = undefined
    this.#openedMs = undefined
  }

  #changeFailures(failures: number): void {
    this.#failures = failures
    this.#isChanged = true
  }

  #learnInformation(nowMs: number): void {
    const { askInformation, route, settings } = this.#deps
    this.#nextInformationMs = nowMs + settings.informationSeconds * 1_000
    void askInformation(route).then((facts) => {
      if (facts === undefined) return
      this.#information = facts
      this.#isInformationNew = true
      this.#isChanged = true
      // Something there has spoken both WebSocket and NIP-11: it is a relay.
      if (this.isConnected) this.#prove()
    })
  }
}
