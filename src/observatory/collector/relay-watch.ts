/** One relay over all its connections: its state, what it has proved, when it is tried again, and its reports. */
import { AppError, type Clock } from '../../kernel/index.ts'
import type { EventIntake } from '../event-intake.ts'
import type { DirectoryEntry } from '../relay-directory.ts'
import type { Offence, RelayCursor, RelayInformationFacts, RelayReport, RelayState } from '../relay-report.ts'
import { AwayTime } from './away-time.ts'
import type { CollectorLimits, CollectorSettings } from './collector-settings.ts'
import type { LinkEnd } from './link-failure.ts'
import { OffenceBook } from './offence-book.ts'
import type { OutageJudge } from './own-outage.ts'
import { couldBeOurs, type RelayDoubt } from './relay-doubt.ts'
import type { RelayInformation } from './relay-information.ts'
import { afterMove, type RelayMove } from './relay-moves.ts'
import type { RelayRoute } from './relay-route.ts'
import { type ReadingMode, RelaySession } from './relay-session.ts'
import { type Latency, NOTHING_TALLIED, RelayTally } from './relay-tally.ts'
import { retryDelayMs } from './retry-delay.ts'

/** What all watches of one collector share. */
export interface WatchDeps {
  readonly settings: CollectorSettings
  readonly limits: CollectorLimits
  readonly intake: EventIntake
  readonly clock: Clock
  /** From 0 to 1, evenly spread. */
  readonly random: () => number
  /** Found when it is needed: most relays never are connected to. */
  readonly routeOf: (url: string) => RelayRoute
  /** The information of the relay (NIP-11); undefined when it gives none. */
  readonly askInformation: (route: RelayRoute) => Promise<RelayInformation | undefined>
  /** Other relays that the information of this one names. */
  readonly onNamed: (url: string, named: readonly string[]) => void
  readonly judge: OutageJudge
}

const DAY_MS = 86_400_000
/** Narrower subscriptions are held to for so long; then the relay may have learnt more. */
const MODE_KEPT_MS = DAY_MS
/** A relay that waits has little to report. */
const WAITING_REPORT_FACTOR = 6
/** Offences of one failure, or of a few in a row, of which it is not clear whose fault they are. */
const MAX_DOUBTED = 8
const WIDE: ReadingMode = { width: 'wide', isPolling: false }

/** Of a relay that has done nothing wrong. */
const NO_OFFENCES: ReadonlyMap<Offence, number> = new Map()
const OUR_OUTAGE = 'our own network is away'

export class RelayWatch {
  readonly relay: number
  readonly url: string
  readonly #deps: WatchDeps
  /** The relay of this very program: no outage of the network is between it and us. */
  readonly #isOwn: boolean
  // Most relays never do anything, right or wrong: these are made when they do.
  #book: OffenceBook | undefined
  #madeTally: RelayTally | undefined
  #away: AwayTime | undefined
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
  #activeSinceMs = 0
  #liveSinceMs: number | undefined
  #openedMs: number | undefined
  #goodMs: number
  #newInformation: RelayInformationFacts | undefined
  #nextInformationMs = 0
  #tickedMs: number
  #reportedMs: number
  #isChanged = false
  #lastPingMs: number | undefined
  #uncertainSeconds = 0
  #doubt: RelayDoubt | undefined
  /** It was lost because our own network was, and was not connected to since. */
  #isExcused = false

  /** @param isOwn it is the relay of this very program. */
  constructor(deps: WatchDeps, entry: DirectoryEntry, isOwn: boolean) {
    this.relay = entry.relay
    this.url = entry.url
    this.#deps = deps
    this.#isOwn = isOwn
    this.#state = entry.isProven ? 'waiting' : 'candidate'
    this.#cursor = entry.cursor
    this.#isProven = entry.isProven
    this.#failures = entry.failures
    this.#nextTryMs = entry.nextTrySeconds * 1_000
    this.#tickedMs = deps.clock.nowMs()
    this.#reportedMs = this.#tickedMs
    // A cursor that was moved lately was moved by a connection.
    this.#goodMs = entry.isProven ? (entry.cursor.until ?? 0) * 1_000 : 0
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
    return this.#book?.totals ?? NO_OFFENCES
  }

  /** When it sent anything last over the connection that it has; 0 without one. */
  get lastSignMs(): number {
    return this.#session?.lastSignMs ?? 0
  }

  /** Since when it holds a connection or is about to; 0 while it does not. */
  get activeSinceMs(): number {
    return this.#activeSinceMs
  }

  /** Since when there is nothing of its past left to read; undefined while there is. */
  get liveSinceMs(): number | undefined {
    return this.#liveSinceMs
  }

  /** It is still to be seen whose fault it was that it was away. */
  get isInDoubt(): boolean {
    return this.#doubt !== undefined || this.#away?.isHeld === true
  }

  /** It was lost because our own network was, and was not connected to since. */
  get isExcused(): boolean {
    return this.#isExcused
  }

  get lastPingMs(): number | undefined {
    return this.#lastPingMs
  }

  connect(): void {
    const { routeOf, settings, limits, intake, clock } = this.#deps
    const nowMs = clock.nowMs()
    this.#move('connect', undefined)
    this.#isWanted = true
    this.#activeSinceMs = nowMs
    this.#openedMs = undefined
    if (nowMs - this.#modeSinceMs >= MODE_KEPT_MS) this.#mode = WIDE
    this.#session = new RelaySession({
      route: routeOf(this.url),
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
        isOwn: this.#isOwn,
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

  /** Gives the connection back: another collector reads this relay, or nobody does. */
  release(reason: string): void {
    if (this.#session === undefined) return
    this.#leaveSession()
    this.#nextTryMs = 0
    this.#isWanted = false
    this.#move('release', reason)
  }

  /**
   * There is no connection for it now: it gives back the one that it has, and is not watched until its turn comes.
   *
   * @param forMs not to be tried again for so long, so that others have their turn.
   */
  rest(reason: string, forMs: number): void {
    this.#isWanted = false
    this.#away?.forget()
    if (this.#session !== undefined) {
      this.#leaveSession()
      this.#nextTryMs = this.#deps.clock.nowMs() + forMs
    }
    if (this.#state !== 'candidate') this.#move('rest', reason)
  }

  /** It is not connected to: for its address, or because an operator will have nothing to do with it. */
  refuse(reason: string): void {
    if (this.#state === 'refused') return
    this.release(reason)
    this.#isWanted = false
    this.#isExcused = false
    this.#doubt = undefined
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

  /** Asks for a sign of life. */
  probe(): void {
    this.#session?.probe()
  }

  /** Looks at everything that has a time. */
  tick(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#tickedMs)
    if (this.#openedMs !== undefined) this.#openedMs += this.#excusedMs(nowMs)
    this.#tickedMs = nowMs
    this.#settleDoubt(nowMs)
    // Most addresses lead nowhere; only of a relay is it worth knowing how long it was away.
    if (this.#isWanted && this.#isProven) this.#account(elapsedMs, nowMs)
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

  get #tally(): RelayTally {
    this.#madeTally ??= new RelayTally()
    return this.#madeTally
  }

  #account(elapsedMs: number, nowMs: number): void {
    const { judge } = this.#deps
    if (this.#isOwn) {
      this.#tally.watched(elapsedMs, this.isConnected)
      return
    }
    if (!judge.isOn && this.isConnected) this.#tally.watched(elapsedMs, true)
    // Until it was tried again after an outage of ours, it is still we who keep it waiting.
    if (!judge.isOn && !this.isConnected && !this.#isExcused) {
      this.#away ??= new AwayTime()
      this.#away.add(elapsedMs, nowMs, this.#tally)
    }
    this.#away?.settle(judge, nowMs, this.#tally)
  }

  /** Counts a failure when it is clear that it was the relay's, and takes it back when it was ours. */
  #settleDoubt(nowMs: number): void {
    const doubt = this.#doubt
    if (doubt === undefined) return
    const fault = this.#isOwn ? 'theirs' : this.#deps.judge.faultAt(doubt.atMs, nowMs, doubt.fromMs)
    if (fault === 'unclear') return
    this.#doubt = undefined
    this.#isChanged = true
    this.#isExcused = fault === 'ours' && this.#session === undefined
    if (fault === 'theirs') {
      for (const offence of doubt.offences) this.#note(offence, nowMs)
      return
    }
    this.#failures = doubt.failures
    if (!this.#isExcused) return
    this.#nextTryMs = 0
    this.#reason = OUR_OUTAGE
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
    // Nothing is said of a relay that seems to be gone while that may be our own doing.
    if (!isLast && (this.#doubt !== undefined || (this.#isExcused && !this.isConnected))) return undefined
    const { limits, clock } = this.#deps
    const interval = limits.reportMs * (this.isActive ? 1 : WAITING_REPORT_FACTOR)
    const isWatched = this.#isWanted && (this.isActive || this.#isProven)
    const isDue = isWatched && nowMs - this.#reportedMs >= interval
    if (!this.#isChanged && !isDue && this.#book?.hasUnreported !== true && !isLast) return undefined
    const information = this.#newInformation
    this.#reportedMs = nowMs
    this.#isChanged = false
    this.#newInformation = undefined
    return {
      relay: this.relay,
      atSeconds: clock.nowSeconds(),
      state: this.#state,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      ...(this.#madeTally?.take() ?? NOTHING_TALLIED),
      offences: this.#book?.take() ?? {},
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
    this.#isExcused = false
    this.#move('open', undefined)
  }

  #onPhase(phase: 'catching-up' | 'live' | 'polling'): void {
    this.#liveSinceMs = phase === 'catching-up' ? undefined : (this.#liveSinceMs ?? this.#deps.clock.nowMs())
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

  /** @returns whether it has become too much for this hour. */
  #note(offence: Offence, nowMs: number): boolean {
    this.#book ??= new OffenceBook(this.#deps.limits.maxOffencePointsPerHour)
    return this.#book.note(offence, nowMs)
  }

  #offend(offence: Offence): void {
    if (!this.#note(offence, this.#deps.clock.nowMs()) || this.#session === undefined) return
    this.#book?.forgive()
    this.#fail({ reason: `too many offences, the last: ${offence}` })
  }

  #onEnd(end: LinkEnd): void {
    const nowMs = this.#deps.clock.nowMs()
    const wasAtOnce =
      end.isByRelay === true &&
      this.#openedMs !== undefined &&
      this.#session?.hasAnswered !== true &&
      nowMs - this.#openedMs - this.#excusedMs(nowMs) < this.#deps.limits.atOnceMs
    const offences: readonly Offence[] = [
      ...(wasAtOnce ? (['closed-at-once'] as const) : []),
      ...(end.offence === undefined ? [] : [end.offence]),
    ]
    if (couldBeOurs(end)) this.#holdInDoubt(offences, nowMs)
    else for (const offence of offences) this.#note(offence, nowMs)
    this.#fail(wasAtOnce ? { ...end, reason: 'it closed the connection at once' } : end)
    // Whose fault it was is looked at with the next tick, when it is known how many others there are.
  }

  /** It is remembered how it was, before the failure counts. */
  #holdInDoubt(offences: readonly Offence[], nowMs: number): void {
    const { judge } = this.#deps
    const fromMs = this.#openedMs === undefined ? this.#activeSinceMs : nowMs
    const before = this.#doubt ?? { atMs: nowMs, fromMs, failures: this.#failures, offences: [] }
    this.#doubt = { ...before, offences: [...before.offences, ...offences].slice(0, MAX_DOUBTED) }
    if (this.#isOwn) return
    // A relay that is known to be away says nothing of our network.
    const wasGood = this.#openedMs !== undefined || before.failures === 0
    if (this.#isProven && wasGood) judge.lost(this.relay, nowMs)
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
    if (!this.#isOwn) this.#deps.judge.answered(session.lastSignMs)
    this.#cursor = session.cursor
    this.#activeSinceMs = 0
    this.#liveSinceMs = undefined
    this.#uncertainSeconds += session.uncertainSeconds
    this.#session = undefined
    this.#openedMs = undefined
  }

  #changeFailures(failures: number): void {
    this.#failures = failures
    this.#isChanged = true
  }

  #learnInformation(nowMs: number): void {
    const { askInformation, routeOf, settings, onNamed } = this.#deps
    this.#nextInformationMs = nowMs + settings.informationSeconds * 1_000
    void askInformation(routeOf(this.url)).then((information) => {
      if (information === undefined) return
      this.#newInformation = information.facts
      this.#isChanged = true
      // Something there has spoken both WebSocket and NIP-11: it is a relay.
      if (!this.isConnected) return
      this.#prove()
      onNamed(this.url, information.named)
    })
  }
}
