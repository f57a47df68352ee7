/** The paying end of STREAM: sends an amount, or has one delivered, over any path, and remembers nothing of it. */
import { accepted, type Clock, type Outcome, refused } from '../../kernel/index.ts'
import type { IlpAsset } from '../ilp-asset.ts'
import type { IlpPrepare, IlpReply } from '../packet/index.ts'
import { Congestion } from './congestion.ts'
import { isLowerRate, leastDelivered, lessSlippageRate, type PathRate, sourceFor } from './path-rate.ts'
import { PayerConnection } from './payer-connection.ts'
import { NOTHING_PAID, type PaidSoFar, type PaymentRefusal } from './payment-refusal.ts'
import type { StreamAmount } from './plan-packet.ts'
import { type PathFacts, probePath } from './probe-path.ts'
import { StreamPayment } from './stream-payment.ts'

/** What is known of the receiver, and how to reach it. */
export interface StreamPath {
  /** Hands a Prepare to the network, in the payer's asset. Resolves when it is answered, at its expiry at the latest. */
  readonly send: (prepare: IlpPrepare) => Promise<IlpReply>
  readonly destinationAddress: string
  /** 32 bytes. */
  readonly sharedSecret: Buffer
  readonly clock: Clock
  /** Ends it early: nothing more is sent, and what is under way is waited for. */
  readonly signal?: AbortSignal
  /** How long one packet may be under way; default 30 s. */
  readonly packetTimeoutMs?: number
}

export interface StreamPaymentRequest extends StreamPath {
  /** Positive. */
  readonly amount: StreamAmount
  /** How much less than the rate of the first moment is still good, in millionths (0 to 999 999). */
  readonly slippagePpm: number
  /** From prices known elsewhere: what is quoted may not be less than this, less slippage. */
  readonly minRate?: PathRate
  /** Called after each fulfilled packet. */
  readonly onProgress?: (paid: PaidSoFar) => void
  /** Ends the payment when nothing was fulfilled for so long; default 60 s. */
  readonly stallMs?: number
}

export interface StreamReceived extends PaidSoFar {
  /** Of the first moment. */
  readonly rate: PathRate
  /** Undefined when the receiver does not tell. */
  readonly destinationAsset: IlpAsset | undefined
}

export interface StreamQuote extends PathFacts {
  /** The largest packet that the path is known to carry, in the payer's units. */
  readonly maxPacket: bigint
}

const PACKET_TIMEOUT_MS = 30_000
const STALL_MS = 60_000

/** Asks what the path does to an amount; moves nothing. */
export async function quoteStream(path: StreamPath): Promise<Outcome<StreamQuote, PaymentRefusal>> {
  const congestion = new Congestion()
  const facts = await probePath(openConnection(path), congestion, signalOf(path))
  return facts.ok ? accepted({ ...facts.value, maxPacket: congestion.maxPacket }) : facts
}

/**
 * Pays. Never more than `send` or `maxSend` leaves; of each packet what the quoted rate makes of it, less slippage, arrives,
 * or it is not fulfilled; and however small the packets become, their roundings take at most another hundredth. `deliver` is reached to within one unit of the payer, as long as the rate holds. What was fulfilled
 * without the answer coming back is not counted, neither as sent nor as delivered: nobody has charged the payer for it.
 */
export async function payStream(
  request: StreamPaymentRequest,
): Promise<Outcome<StreamReceived, PaymentRefusal>> {
  const { amount, slippagePpm, minRate, onProgress, clock, stallMs = STALL_MS } = request
  const connection = openConnection(request)
  const congestion = new Congestion()
  const signal = signalOf(request)
  const facts = await probePath(connection, congestion, signal)
  if (!facts.ok) return facts
  const { rate, destinationAsset } = facts.value
  const objection = objectTo(rate, request)
  if (objection !== undefined) return refused(objection)
  const payment = new StreamPayment({
    connection,
    congestion,
    amount,
    rate,
    floor: { rate: minRate !== undefined && isLowerRate(rate, minRate) ? minRate : rate, slippagePpm },
    clock,
    stallMs,
    signal,
    onProgress: onProgress ?? (() => undefined),
  })
  const refusal = await payment.run()
  return refusal === undefined ? accepted({ ...payment.paid, rate, destinationAsset }) : refused(refusal)
}

function openConnection({ packetTimeoutMs = PACKET_TIMEOUT_MS, ...path }: StreamPath): PayerConnection {
  return new PayerConnection({ ...path, packetTimeoutMs })
}

function signalOf({ signal }: StreamPath): AbortSignal {
  return signal ?? new AbortController().signal
}

/** Why nothing should be sent at this rate. */
function objectTo(rate: PathRate, request: StreamPaymentRequest): PaymentRefusal | undefined {
  const { amount, minRate, slippagePpm } = request
  if (minRate !== undefined && isLowerRate(rate, lessSlippageRate(minRate, slippagePpm))) {
    const text = `${rate.delivered} arrive of ${rate.source}; ${leastDelivered(minRate, rate.source)} were expected`
    return { code: 'RATE_TOO_LOW', text, paid: NOTHING_PAID }
  }
  if ('send' in amount) {
    if (leastDelivered(rate, amount.send) > 0n) return undefined
    return { code: 'RATE_TOO_LOW', text: `of ${amount.send} nothing would arrive`, paid: NOTHING_PAID }
  }
  const needed = sourceFor(rate, amount.deliver)
  if (needed <= amount.maxSend) return undefined
  const text = `${needed} have to be sent so that ${amount.deliver} arrive, which is more than ${amount.maxSend}`
  return { code: 'TOO_EXPENSIVE', text, paid: NOTHING_PAID }
}
