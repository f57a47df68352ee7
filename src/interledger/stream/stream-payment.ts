/** One payment while it goes on: which packets are under way, what has arrived, and why it ends. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../kernel/index.ts'
import { ILP_ERRORS } from '../packet/index.ts'
import type { Congestion } from './congestion.ts'
import { type DeliveryFloor, minimumFor } from './delivery-floor.ts'
import { STREAM_ERRORS, type StreamFrame } from './frames.ts'
import { leastDelivered, mostDelivered, type PathRate } from './path-rate.ts'
import type { PathAnswer, PayerConnection } from './payer-connection.ts'
import { describeReject, NOTHING_PAID, type PaidSoFar, type PaymentRefusal } from './payment-refusal.ts'
import { planPacket, type StreamAmount } from './plan-packet.ts'
import { isPassing } from './probe-path.ts'
import { decodeReceipt } from './receipt.ts'
import type { StreamPacket } from './stream-packet.ts'

export interface StreamPaymentDeps {
  readonly connection: PayerConnection
  readonly congestion: Congestion
  readonly amount: StreamAmount
  /** What is expected to arrive. */
  readonly rate: PathRate
  /** What has to arrive at least. */
  readonly floor: DeliveryFloor
  readonly clock: Clock
  readonly stallMs: number
  readonly signal: AbortSignal
  readonly onProgress: (paid: PaidSoFar) => void
}

interface PacketInFlight {
  readonly amount: bigint
  readonly minimum: bigint
  readonly sequence: bigint
  readonly mostDelivered: bigint
}

/** The payer's first stream; it needs no other. */
const STREAM_ID = 1n
/** Failures in a row after which a payment ends, when time has not ended it before. */
const MAX_FAILURES = 40
/** So many times in a row may less arrive than has to, or may the receiver say that it is full. */
const MAX_REFUSALS = 6
/** So many packets in a row may be too large: a path with several limits tells them one after the other. */
const MAX_SHRINKS = 100

/** How long the answer to the last packet is waited for. */
const MAX_CLOSE_MS = 2000

export class StreamPayment {
  readonly #deps: StreamPaymentDeps
  readonly #inFlight = new Map<PacketInFlight, Promise<void>>()
  #paid: PaidSoFar = NOTHING_PAID
  /** Of the last fulfilled packets, for what is still to be delivered. */
  #rate: PathRate
  #sentInFlight = 0n
  #deliveredInFlight = 0n
  /** What has to arrive of packets that were fulfilled or are under way. */
  #minimum = 0n
  #ending: Omit<PaymentRefusal, 'paid'> | undefined
  #progressAtMs: number
  /** Refusals of the receiver since the last Fulfill. */
  #refusals = 0
  /** Packets that were too large since the last Fulfill. */
  #shrinks = 0
  /** True from a failure until the next packet. */
  #isToWait = false

  constructor(deps: StreamPaymentDeps) {
    this.#deps = deps
    this.#rate = deps.rate
    this.#progressAtMs = deps.clock.nowMs()
  }

  get paid(): PaidSoFar {
    return this.#paid
  }

  /** Undefined when the amount was reached. Rejects only when the network does, which it promised not to. */
  async run(): Promise<PaymentRefusal | undefined> {
    for (;;) {
      if (this.#isToWait) await this.#wait()
      const amount = this.#nextAmount()
      if (amount > 0n) this.#start(amount)
      else if (this.#inFlight.size > 0) await Promise.race(this.#inFlight.values())
      else break
    }
    this.#judgeRest()
    await this.#close()
    return this.#ending && { ...this.#ending, paid: this.#paid }
  }

  /** What does not fit a payment any more (a rest that would arrive as nothing) does not count for `send`. */
  #isReached(): boolean {
    const { amount } = this.#deps
    return 'send' in amount || this.#paid.delivered >= amount.deliver
  }

  /** Nothing more can be sent: is that because nothing has to be? */
  #judgeRest(): void {
    const { amount, congestion } = this.#deps
    const isShort =
      'send' in amount ? leastDelivered(this.#rate, amount.send - this.#paid.sent) > 0n : !this.#isReached()
    if (!isShort) return
    const { maxPacket } = congestion
    if (leastDelivered(this.#rate, maxPacket) === 0n)
      this.#end('RATE_TOO_LOW', `the path carries packets of ${maxPacket} at most, of which nothing arrives`)
    else this.#end('TOO_EXPENSIVE', 'the rate has become worse')
  }

  #nextAmount(): bigint {
    const { signal, connection, congestion, amount } = this.#deps
    if (signal.aborted) this.#end('ABORTED', 'the payment was called off')
    if (connection.isUsedUp) this.#end('REJECTED', 'a connection carries no more packets than this')
    if (this.#ending !== undefined) return 0n
    const { sent, delivered } = this.#paid
    const limits = congestion.limits(this.#inFlight.size, this.#sentInFlight)
    if (limits.room === 0n && this.#inFlight.size > 0) return 0n
    const state = {
      sent,
      delivered,
      sentInFlight: this.#sentInFlight,
      deliveredInFlight: this.#deliveredInFlight,
    }
    return planPacket(amount, state, this.#rate, limits)
  }

  #start(amount: bigint): void {
    const { connection, floor } = this.#deps
    const totals = { sent: this.#paid.sent + this.#sentInFlight, minimum: this.#minimum }
    const packet: PacketInFlight = {
      amount,
      minimum: minimumFor(floor, amount, totals),
      sequence: connection.sequence + 1n,
      mostDelivered: mostDelivered(this.#rate, amount),
    }
    this.#sentInFlight += amount
    this.#deliveredInFlight += packet.mostDelivered
    this.#minimum += packet.minimum
    this.#inFlight.set(packet, this.#exchange(packet))
  }

  async #exchange(packet: PacketInFlight): Promise<void> {
    const { amount, minimum } = packet
    const frames: StreamFrame[] = [{ type: 'streamMoney', streamId: STREAM_ID, shares: 1n }]
    const answer = await this.#deps.connection.exchange({ amount, minimum, frames, isFulfillable: true })
    const amountInFlight = this.#sentInFlight
    this.#inFlight.delete(packet)
    this.#sentInFlight -= amount
    this.#deliveredInFlight -= packet.mostDelivered
    if (answer.kind === 'fulfilled') this.#onFulfilled(packet, answer.packet)
    else this.#onFailed(packet, answer, amountInFlight)
  }

  #onFulfilled({ amount, minimum }: PacketInFlight, answer: StreamPacket | undefined): void {
    // Only the receiver can have made the fulfilment, and it makes none for less than the minimum.
    const delivered = answer?.amount ?? minimum
    const { paid } = this
    this.#paid = {
      sent: paid.sent + amount,
      delivered: paid.delivered + delivered,
      packets: paid.packets + 1,
      receipt: laterReceipt(paid.receipt, answer),
    }
    // The rate of a packet of few units has few digits, and would be a worse guide than the first one.
    if (answer !== undefined && delivered * 2n > this.#deps.rate.delivered)
      this.#rate = { source: amount, delivered }
    this.#refusals = 0
    this.#shrinks = 0
    this.#progressAtMs = this.#deps.clock.nowMs()
    this.#deps.congestion.onFulfil()
    if (answer !== undefined && isClosing(answer) && !this.#isReached())
      this.#end('CLOSED', 'the receiver closed the connection')
    this.#deps.onProgress(this.#paid)
  }

  #onFailed(
    packet: PacketInFlight,
    answer: Exclude<PathAnswer, { kind: 'fulfilled' }>,
    inFlight: bigint,
  ): void {
    const { congestion, connection, clock, stallMs } = this.#deps
    this.#minimum -= packet.minimum
    const sequences = { failed: packet.sequence, last: connection.sequence }
    const failuresBefore = congestion.failures
    if (answer.kind === 'refused') {
      congestion.onBusy(sequences)
      this.#onRefused(packet, answer.packet, congestion.failures > failuresBefore)
    } else if (answer.reject.code === ILP_ERRORS.AMOUNT_TOO_LARGE) {
      congestion.onTooLarge(packet.amount, answer.reject.data)
      this.#shrinks += 1
      if (congestion.maxPacket === 0n || this.#shrinks > MAX_SHRINKS)
        this.#end('REJECTED', 'the path carries packets of no amount')
      return
    } else if (!isPassing(answer.reject)) this.#end('REJECTED', describeReject(answer.reject))
    else if (answer.reject.code === ILP_ERRORS.INSUFFICIENT_LIQUIDITY)
      congestion.onShortOfMoney(inFlight, sequences)
    else congestion.onBusy(sequences)
    this.#isToWait = true
    const isStalled = clock.nowMs() - this.#progressAtMs > stallMs || congestion.failures > MAX_FAILURES
    if (isStalled) this.#end('STALLED', `nothing was fulfilled any more: ${describeAnswer(answer)}`)
  }

  /** @param isNews false for packets that were under way together with one that was refused before. */
  #onRefused({ minimum }: PacketInFlight, answer: StreamPacket, isNews: boolean): void {
    if (isNews) this.#refusals += 1
    const isFull = answer.frames.some(({ type }) => type === 'streamMaxMoney')
    if (isClosing(answer)) this.#end('CLOSED', 'the receiver closed the connection')
    else if (this.#refusals <= MAX_REFUSALS) return
    else if (answer.amount < minimum)
      this.#end('RATE_TOO_LOW', `${answer.amount} arrived where ${minimum} had to`)
    else if (isFull) this.#end('RECEIVER_FULL', 'the receiver takes no more')
    else this.#end('REJECTED', 'the receiver does not fulfil')
  }

  /** The first reason is the one that is told. */
  #end(code: PaymentRefusal['code'], text: string): void {
    this.#ending ??= { code, text }
  }

  async #wait(): Promise<void> {
    const { congestion, signal } = this.#deps
    this.#isToWait = false
    if (this.#ending !== undefined || congestion.delayMs === 0) return
    await sleep(congestion.delayMs, undefined, { signal }).catch(() => undefined)
  }

  /** Tells the receiver that it is over. Nothing hangs on its answer. */
  async #close(): Promise<void> {
    const isDone = this.#ending === undefined
    const end = {
      errorCode: isDone ? STREAM_ERRORS.noError : STREAM_ERRORS.applicationError,
      errorMessage: '',
    }
    const frames: StreamFrame[] = [
      { type: 'streamClose', streamId: STREAM_ID, ...end },
      { type: 'connectionClose', ...end },
    ]
    const told = this.#deps.connection.exchange({ amount: 0n, minimum: 0n, frames, isFulfillable: false })
    const isTold = new AbortController()
    await Promise.race([
      told,
      sleep(MAX_CLOSE_MS, undefined, { signal: isTold.signal }).catch(() => undefined),
    ])
    isTold.abort()
  }
}

function isClosing({ frames }: StreamPacket): boolean {
  return frames.some(
    (frame) =>
      frame.type === 'connectionClose' || (frame.type === 'streamClose' && frame.streamId === STREAM_ID),
  )
}

/** Answers come in any order; of two receipts the one with the larger total is worth more. */
function laterReceipt(known: Buffer | undefined, answer: StreamPacket | undefined): Buffer | undefined {
  const frame = answer?.frames.find((each) => each.type === 'streamReceipt')
  if (frame === undefined || known === undefined) return frame?.receipt ?? known
  return totalIn(frame.receipt) >= totalIn(known) ? frame.receipt : known
}

function totalIn(receipt: Buffer): bigint {
  const decoded = decodeReceipt(receipt)
  return decoded.ok ? decoded.value.totalReceived : 0n
}

function describeAnswer(answer: Exclude<PathAnswer, { kind: 'fulfilled' }>): string {
  return answer.kind === 'rejected' ? describeReject(answer.reject) : 'the receiver refuses'
}
