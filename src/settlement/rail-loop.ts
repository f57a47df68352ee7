/** The rounds of one rail, each apart from the others so that a network that stalls holds up nobody else. */
import { AppError, type Clock, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { Logger } from '../platform/index.ts'
import type { SettlementLedger } from './bookings.ts'
import type { Channels } from './channels/channels.ts'
import { followChannels, noteChannel } from './channels/follow-channels.ts'
import { inParallel } from './in-parallel.ts'
import { type IncomingDeps, readIncoming } from './incoming.ts'
import { type AdvanceDeps, advanceOrder, type OrderEnd } from './orders/advance-order.ts'
import { type GivenUp, type GivingUp, giveUpOrder } from './orders/give-up.ts'
import type { OrderRecord, Orders } from './orders/orders.ts'
import type { Parties } from './parties.ts'
import type { PeerTalk } from './peer-talk.ts'
import type { Rail } from './rail.ts'
import { forgetOldRequests } from './requests.ts'
import type { PartySettler } from './settle-party.ts'
import { type StepTime, stepTime } from './step-time.ts'
import type { Fenced } from './tables.ts'

export interface RailHealth {
  readonly rail: string
  readonly status: 'ok' | 'degraded'
  /** Rounds in a row that did not come to their end. */
  readonly failedRounds: number
  /** When the last round ended, Unix milliseconds. */
  readonly lastRoundMs: number | undefined
  /** What kept the last round from its end: code and sentence, without secrets. Undefined when nothing did. */
  readonly lastError: string | undefined
}

export interface RailLoopDeps {
  readonly rail: Rail
  readonly orders: Orders
  readonly channels: Channels
  readonly parties: Parties
  readonly ledger: SettlementLedger
  readonly fenced: Fenced
  readonly talk: PeerTalk
  readonly settler: PartySettler
  readonly clock: Clock
  readonly logger: Logger
  readonly railTimeoutMs: number
  readonly roundMs: number
  readonly onBooked: (party: string, change: bigint) => void
}

/** Orders in one round. */
const MAX_ORDERS = 100
/** Claims brought to their payees in one round. */
const MAX_DELIVERIES = 100
/** Parties that are asked something at a time. */
const WIDTH = 8
/** A step of a round takes no longer than so many answers of the rail that do not come. */
const ANSWERS_IN_STEP = 2
const MAX_PAUSE_MS = 300_000
/** The balances of all parties are looked at so often; those that somebody has noted, in each round. */
const ALL_BALANCES_MS = 30_000
const FORGET_EVERY_MS = 3_600_000
const MAX_ERROR_LENGTH = 300
/** How long a kicked round waits for more kicks. */
const KICK_MS = 20

export class RailLoop {
  readonly #deps: RailLoopDeps
  readonly #noted = new Set<string>()
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #stopWatching: (() => void) | undefined
  readonly #stopping = new AbortController()
  #isRunning = false
  #isKicked = false
  #failedRounds = 0
  #lastRoundMs: number | undefined
  #lastError: string | undefined
  #forgotAtMs = Number.NEGATIVE_INFINITY
  #allLookedAtMs = Number.NEGATIVE_INFINITY

  constructor(deps: RailLoopDeps) {
    this.#deps = deps
  }

  start(): void {
    if (this.#isRunning || this.#stopping.signal.aborted) return
    this.#isRunning = true
    this.#stopWatching = this.#deps.rail.watch(() => this.kick())
    this.#schedule(0)
  }

  /** For good. What is being waited for is left as it is: the next process goes on with it. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#stopWatching?.()
    clearTimeout(this.#timer)
    this.#stopping.abort()
    await this.#last
  }

  /** A round soon, but for a rail that does not answer: that keeps its pause. */
  kick(): void {
    if (!this.#isRunning || this.#isKicked || this.#failedRounds > 0) return
    this.#isKicked = true
    this.#schedule(KICK_MS)
  }

  /** The next round looks at it. No round of its own: packets come by the thousand, and most leave it within its threshold. */
  noteBalance(party: string): void {
    this.#noted.add(party)
  }

  /** A round now, behind the one that is under way; throws what kept it from its end. */
  flush(): Promise<void> {
    return this.#alone(() => this.#round())
  }

  /** Behind the round that is under way, so that nothing of the order is on its way to the network meanwhile. */
  giveUp(key: string, by: GivingUp): Promise<Outcome<GivenUp, Refusal>> {
    const { rail, orders, railTimeoutMs } = this.#deps
    return this.#alone(async () => {
      const record = await orders.find(key)
      if (record === undefined) return refused(UNKNOWN_ORDER)
      return giveUpOrder(this.#advanceDeps(), rail, record, by, AbortSignal.timeout(railTimeoutMs))
    })
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => {})
    return next
  }

  health(): RailHealth {
    return {
      rail: this.#deps.rail.name,
      status: this.#failedRounds === 0 ? 'ok' : 'degraded',
      failedRounds: this.#failedRounds,
      lastRoundMs: this.#lastRoundMs,
      lastError: this.#lastError,
    }
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#isRunning) return
    this.#timer = setTimeout(() => void this.#attempt(), afterMs)
    this.#timer.unref()
  }

  async #attempt(): Promise<void> {
    this.#isKicked = false
    const { rail, logger, roundMs } = this.#deps
    try {
      await this.flush()
      this.#failedRounds = 0
    } catch (err) {
      if (!this.#isRunning) return
      this.#failedRounds += 1
      logger.warn({ err, rail: rail.name, failedRounds: this.#failedRounds }, 'settlement.round_failed')
    }
    const pauseMs = Math.min(roundMs * 2 ** Math.min(this.#failedRounds, 20), MAX_PAUSE_MS)
    this.#schedule(this.#isKicked ? KICK_MS : pauseMs)
  }

  /** What comes first must not be kept from happening by what fails behind it, nor the other way round. */
  async #round(): Promise<void> {
    const { railTimeoutMs, clock } = this.#deps
    const failures: unknown[] = []
    const steps: readonly ((time: StepTime) => Promise<unknown>)[] = [
      (time) => this.#followChannels(time),
      (time) => this.#readIncoming(time),
      (time) => this.#advanceOrders(time),
      (time) => this.#deliverClaims(time),
      (time) => this.#settleWhatIsDue(time),
      () => this.#forgetOldRequests(),
    ]
    for (const step of steps) {
      if (this.#stopping.signal.aborted) break
      const stepMs = railTimeoutMs * ANSWERS_IN_STEP
      const time = stepTime(this.#stopping.signal, { stepMs, answerMs: railTimeoutMs })
      await step(time).catch((error: unknown) => failures.push(error))
    }
    this.#lastRoundMs = clock.nowMs()
    const [first] = failures
    this.#lastError = first === undefined ? undefined : sentenceOf(first)
    throwFirst(failures)
  }

  async #followChannels(time: StepTime): Promise<void> {
    const { rail } = this.#deps
    if (rail.info.hasChannels) await followChannels(this.#deps, rail, time)
  }

  async #readIncoming(time: StepTime): Promise<void> {
    const { rail, logger, onBooked } = this.#deps
    const deps: IncomingDeps = {
      ...this.#deps,
      onCredited: ({ party, amount, id }) => {
        logger.info({ party, rail: rail.name, amount: `${amount}`, id }, 'settlement.payment_credited')
        if (party !== undefined) onBooked(party, -amount)
      },
    }
    if (await readIncoming(deps, rail, time)) this.#isKicked = true
  }

  async #advanceOrders(time: StepTime): Promise<void> {
    const { rail, orders } = this.#deps
    // One at a time: what is signed must know all that is signed and not final. One whose turn never ends well does not
    // stand in the way of the others.
    const due = await orders.due(rail.name, MAX_ORDERS)
    const failures = await inParallel(due, { width: 1, signal: time.signal }, (record) =>
      advanceOrder(this.#advanceDeps(), rail, record, time.limit()),
    )
    throwFirst(failures)
  }

  #advanceDeps(): AdvanceDeps {
    const { orders, clock, rail, talk } = this.#deps
    return {
      orders,
      clock,
      noteChannel: async (tx, of, { order, party }, channel) => {
        const whose = { direction: order.kind === 'redeem' ? 'in' : 'out', party } as const
        return noteChannel(this.#deps, tx, of, channel, whose)
      },
      onSent: ({ party, order }, signed) => {
        // A hint, which need not arrive.
        if (order.kind === 'pay' && party !== undefined)
          void talk.tellPaid(party, rail, signed.id).catch(() => {})
      },
      onEnded: (record, end) => noteOrderEnd(this.#deps, record, end),
    }
  }

  async #deliverClaims(time: StepTime): Promise<void> {
    const { rail, channels, talk } = this.#deps
    if (!rail.info.hasChannels) return
    const undelivered = await channels.undelivered(rail.name, MAX_DELIVERIES)
    const failures = await inParallel(undelivered, { width: WIDTH, signal: time.signal }, async (channel) => {
      const { party, best } = channel
      if (party === undefined || best === undefined) return
      await channels.bringing(channel)
      await talk.deliver(party, rail, best, time.limit())
    })
    throwFirst(failures)
  }

  async #settleWhatIsDue(time: StepTime): Promise<void> {
    const { parties, rail, clock } = this.#deps
    const nowMs = clock.nowMs()
    if (nowMs - this.#allLookedAtMs >= ALL_BALANCES_MS) {
      for (const party of parties.onRail(rail.name)) this.#noted.add(party)
      this.#allLookedAtMs = nowMs
    }
    const failures = await inParallel([...this.#noted], { width: WIDTH, signal: time.signal }, (party) =>
      this.#settleIfDue(party),
    )
    throwFirst(failures)
  }

  async #settleIfDue(party: string): Promise<void> {
    const { rail, settler, logger } = this.#deps
    this.#noted.delete(party)
    try {
      const outcome = await settler.settleIfDue(party)
      if (outcome.ok || USUAL_REFUSALS.has(outcome.refusal.code)) return
      const { code, text } = outcome.refusal
      logger.warn({ party, rail: rail.name, code, text }, 'settlement.not_paid')
    } catch (error) {
      this.#noted.add(party)
      throw error
    }
  }

  async #forgetOldRequests(): Promise<void> {
    const { clock, fenced } = this.#deps
    const nowMs = clock.nowMs()
    if (nowMs - this.#forgotAtMs < FORGET_EVERY_MS) return
    await fenced((tx) => forgetOldRequests(tx, nowMs))
    this.#forgotAtMs = nowMs
  }
}

/** After the commit. */
export function noteOrderEnd(
  { logger, onBooked }: Pick<RailLoopDeps, 'logger' | 'onBooked'>,
  { key, party, order, rail }: OrderRecord,
  { state, reason, lapsed }: OrderEnd,
): void {
  const facts = { key, party, kind: order.kind, rail }
  if (state === 'done') logger.info(facts, 'settlement.order_done')
  else logger.warn({ ...facts, state, reason }, 'settlement.order_failed')
  const isPaidBack = order.kind === 'pay' && state !== 'done'
  const change = -lapsed - (isPaidBack ? order.amount : 0n)
  if (change !== 0n && party !== undefined) onBooked(party, change)
}

export const UNKNOWN_ORDER: Refusal = { code: 'UNKNOWN_ORDER', text: 'there is no such order' }

/** Of a party that is looked at every so often. */
const USUAL_REFUSALS: ReadonlySet<string> = new Set(['NOTHING_OWED', 'UNDER_WAY', 'WAITING'])

function throwFirst(failures: readonly unknown[]): void {
  if (failures.length > 0) throw failures[0]
}

/** Our own sentences alone: what others throw may hold an address with a key in it. */
function sentenceOf(error: unknown): string {
  if (error instanceof AppError) return `${error.code}: ${error.message}`.slice(0, MAX_ERROR_LENGTH)
  return error instanceof Error ? error.name : 'unknown'
}
