/** The rounds of one rail, each apart from the others so that a network that stalls holds up nobody else. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../kernel/index.ts'
import type { Logger } from '../platform/index.ts'
import type { SettlementLedger } from './bookings.ts'
import type { Channels } from './channels/channels.ts'
import { followChannels, noteChannel } from './channels/follow-channels.ts'
import { type IncomingDeps, readIncoming } from './incoming.ts'
import { type AdvanceDeps, advanceOrder } from './orders/advance-order.ts'
import type { OrderRecord, Orders } from './orders/orders.ts'
import type { Parties } from './parties.ts'
import type { PeerTalk } from './peer-talk.ts'
import type { Rail } from './rail.ts'
import type { PartySettler } from './settle-party.ts'
import type { Fenced } from './tables.ts'

export interface RailHealth {
  readonly rail: string
  readonly status: 'ok' | 'degraded'
  /** Rounds in a row that did not come to their end. */
  readonly failedRounds: number
  readonly lastRoundMs: number | undefined
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
const MAX_PAUSE_MS = 300_000
/** The balances of all parties are looked at so often; those that somebody has noted, in each round. */
const ALL_BALANCES_MS = 30_000
/** How long a kicked round waits for more kicks. */
const KICK_MS = 20

export class RailLoop {
  readonly #deps: RailLoopDeps
  readonly #noted = new Set<string>()
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #stopWatching: (() => void) | undefined
  #isRunning = false
  #isKicked = false
  #failedRounds = 0
  #lastRoundMs: number | undefined
  #allLookedAtMs = Number.NEGATIVE_INFINITY

  constructor(deps: RailLoopDeps) {
    this.#deps = deps
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#stopWatching = this.#deps.rail.watch(() => this.kick())
    this.#schedule(0)
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    this.#stopWatching?.()
    clearTimeout(this.#timer)
    await this.#last
  }

  /** A round soon, but for a rail that does not answer: that keeps its pause. */
  kick(): void {
    if (!this.#isRunning || this.#isKicked || this.#failedRounds > 0) return
    this.#isKicked = true
    this.#schedule(KICK_MS)
  }

  noteBalance(party: string): void {
    this.#noted.add(party)
    this.kick()
  }

  /** A round now, behind the one that is under way; throws what kept it from its end. */
  flush(): Promise<void> {
    const next = this.#last.then(() => this.#round())
    this.#last = next.catch(() => {})
    return next
  }

  health(): RailHealth {
    return {
      rail: this.#deps.rail.name,
      status: this.#failedRounds === 0 ? 'ok' : 'degraded',
      failedRounds: this.#failedRounds,
      lastRoundMs: this.#lastRoundMs,
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
      this.#failedRounds += 1
      logger.warn({ err, rail: rail.name, failedRounds: this.#failedRounds }, 'settlement.round_failed')
    }
    const pauseMs = Math.min(roundMs * 2 ** Math.min(this.#failedRounds, 20), MAX_PAUSE_MS)
    this.#schedule(this.#isKicked ? KICK_MS : pauseMs)
  }

  /** What comes first must not be kept from happening by what fails behind it. */
  async #round(): Promise<void> {
    const failures: unknown[] = []
    const steps = [
      () => this.#followChannels(),
      () => this.#readIncoming(),
      () => this.#advanceOrders(),
      () => this.#deliverClaims(),
      () => this.#settleWhatIsDue(),
    ]
    for (const step of steps) {
      await step().catch((error: unknown) => failures.push(error))
    }
    this.#lastRoundMs = this.#deps.clock.nowMs()
    if (failures.length > 0) throw failures[0]
  }

  async #followChannels(): Promise<void> {
    const { rail, fenced, orders } = this.#deps
    if (!rail.info.hasChannels) return
    for (const { channel, order } of await followChannels(this.#deps, rail, this.#limit())) {
      const { party, asset } = channel
      await fenced((tx) => orders.record(tx, { key: randomUUID(), rail: rail.name, asset, party, order }))
    }
  }

  async #readIncoming(): Promise<void> {
    const { rail, logger, onBooked } = this.#deps
    const deps: IncomingDeps = {
      ...this.#deps,
      onCredited: ({ party, amount, id }) => {
        logger.info({ party, rail: rail.name, amount: `${amount}`, id }, 'settlement.payment_credited')
        if (party !== undefined) onBooked(party, -amount)
      },
    }
    if (await readIncoming(deps, rail, this.#limit())) this.#isKicked = true
  }

  async #advanceOrders(): Promise<void> {
    const { rail, orders } = this.#deps
    const failures: unknown[] = []
    for (const record of await orders.due(rail.name, MAX_ORDERS)) {
      // One whose turn never ends well does not stand in the way of the others.
      await advanceOrder(this.#advanceDeps(), rail, record, this.#limit()).catch((error: unknown) =>
        failures.push(error),
      )
    }
    if (failures.length > 0) throw failures[0]
  }

  #advanceDeps(): AdvanceDeps {
    const { orders, clock, rail, talk, logger, onBooked } = this.#deps
    return {
      orders,
      clock,
      noteChannel: async (tx, of, { order, party }, channel) => {
        const whose = { direction: order.kind === 'redeem' ? 'in' : 'out', party } as const
        await noteChannel(this.#deps, tx, of, channel, whose)
      },
      onSent: ({ party, order }, signed) => {
        // A hint, which need not arrive.
        if (order.kind === 'pay' && party !== undefined)
          void talk.tellPaid(party, rail, signed.id).catch(() => {})
      },
      onEnded: (record, state, reason) => {
        const { key, party, order } = record
        if (state === 'done')
          logger.info({ key, party, kind: order.kind, rail: rail.name }, 'settlement.order_done')
        else logger.warn({ key, party, kind: order.kind, rail: rail.name, reason }, 'settlement.order_failed')
        if (isPaidBack(record, state) && party !== undefined) onBooked(party, -amountOf(record))
      },
    }
  }

  async #deliverClaims(): Promise<void> {
    const { rail, channels, talk } = this.#deps
    for (const { party, best } of await channels.undelivered(rail.name, MAX_DELIVERIES)) {
      if (party !== undefined && best !== undefined) await talk.deliver(party, rail, best)
    }
  }

  async #settleWhatIsDue(): Promise<void> {
    const { parties, rail, settler, clock } = this.#deps
    const nowMs = clock.nowMs()
    const isTimeForAll = nowMs - this.#allLookedAtMs >= ALL_BALANCES_MS
    const due = isTimeForAll ? parties.onRail(rail.name) : [...this.#noted]
    if (isTimeForAll) this.#allLookedAtMs = nowMs
    this.#noted.clear()
    for (const party of due) {
      const outcome = await settler.settleIfDue(party)
      if (outcome.ok || USUAL_REFUSALS.has(outcome.refusal.code)) continue
      const { code, text } = outcome.refusal
      this.#deps.logger.warn({ party, rail: rail.name, code, text }, 'settlement.not_paid')
    }
  }

  #limit(): AbortSignal {
    return AbortSignal.timeout(this.#deps.railTimeoutMs)
  }
}

/** Of a party that is looked at every so often. */
const USUAL_REFUSALS: ReadonlySet<string> = new Set(['NOTHING_OWED', 'UNDER_WAY', 'WAITING'])

function isPaidBack({ order }: OrderRecord, state: 'done' | 'failed'): boolean {
  return order.kind === 'pay' && state === 'failed'
}

function amountOf({ order }: OrderRecord): bigint {
  return order.kind === 'pay' ? order.amount : 0n
}
