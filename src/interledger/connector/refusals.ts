/** The Rejects of this connector: which code says what (RFC-0027, "Error Codes"). */
import { ILP_ERRORS, type IlpReject, MAX_AMOUNT } from '../packet/index.ts'

export type IlpErrorName = keyof typeof ILP_ERRORS

/** Why a packet goes no further; becomes a Reject when it is known who we are. */
export interface PacketRefusal {
  readonly error: IlpErrorName
  readonly message: string
  readonly data?: Buffer
}

/** Those that are always the same. */
export const REFUSALS = {
  unknownPeer: { error: 'BAD_REQUEST', message: 'this peer is not known' },
  expired: { error: 'TRANSFER_TIMED_OUT', message: 'the packet has expired' },
  expiresTooLate: {
    error: 'BAD_REQUEST',
    message: 'the packet expires more than five minutes from now, or one of our clocks is wrong',
  },
  timedOut: { error: 'TRANSFER_TIMED_OUT', message: 'no answer came in time' },
  replayed: { error: 'BAD_REQUEST', message: 'this very packet has come before, and is not expired' },
  tooManyIds: { error: 'CONNECTOR_BUSY', message: 'more packets have come than can be told apart' },
  stopping: { error: 'CONNECTOR_BUSY', message: 'this connector is stopping' },
  noRoute: { error: 'UNREACHABLE', message: 'there is no route to the destination' },
  noRouteNow: { error: 'PEER_UNREACHABLE', message: 'there is no route to the destination at the moment' },
  backToSender: { error: 'UNREACHABLE', message: 'the route leads back to where the packet came from' },
  moneyToProtocol: { error: 'BAD_REQUEST', message: 'packets between neighbours carry no money' },
  notConnected: { error: 'PEER_UNREACHABLE', message: 'the next hop is not connected' },
  notSent: { error: 'PEER_UNREACHABLE', message: 'the next hop could not be reached' },
  notAnswering: { error: 'PEER_UNREACHABLE', message: 'the next hop has not answered of late' },
  peerBusy: { error: 'PEER_BUSY', message: 'too many packets wait for the next hop already' },
  mayNotOwe: {
    error: 'INSUFFICIENT_LIQUIDITY',
    message: 'the sender of the packet would owe more than it may',
  },
  mayNotPay: { error: 'INSUFFICIENT_LIQUIDITY', message: 'the next hop would be owed more than it may' },
  wrongFulfillment: { error: 'WRONG_CONDITION', message: 'the fulfilment does not hash to the condition' },
  booksBusy: { error: 'CONNECTOR_BUSY', message: 'more packets wait to be written down than may' },
  notWritten: { error: 'INTERNAL_ERROR', message: 'the books are not available' },
  internal: { error: 'INTERNAL_ERROR', message: 'the packet could not be handled' },
} as const satisfies Record<string, PacketRefusal>

const NO_DATA = Buffer.alloc(0)
const AMOUNT_BYTES = 8

export function rejectOf({ error, message, data = NO_DATA }: PacketRefusal, triggeredBy: string): IlpReject {
  return { type: 'reject', code: ILP_ERRORS[error], triggeredBy, message, data }
}

/**
 * F08 with the figures that a sender needs to come down with its amount (RFC-0027, "F08"): both in the asset in which the
 * packet came to us. Senders use their ratio, so that they mean the same at any distance.
 */
export function amountTooLarge(receivedAmount: bigint, maximumAmount: bigint): PacketRefusal {
  const data = Buffer.allocUnsafe(2 * AMOUNT_BYTES)
  data.writeBigUInt64BE(receivedAmount)
  data.writeBigUInt64BE(maximumAmount < MAX_AMOUNT ? maximumAmount : MAX_AMOUNT, AMOUNT_BYTES)
  const message = `the amount of ${receivedAmount} is more than the ${maximumAmount} that can go through at once`
  return { error: 'AMOUNT_TOO_LARGE', message, data }
}

/**
 * What goes upstream for a Reject that came from the next hop. It passes unchanged, the amounts of an F08 too: data is
 * end to end (RFC-0027). Only what the next hop says about us as its neighbour, busy (T02) or too fast (T05), is told as
 * our own being busy, as RFC-0027 asks of whoever does not look for another route.
 */
export function passOn(reject: IlpReject, triggeredBy: string): IlpReject {
  if (reject.code !== ILP_ERRORS.PEER_BUSY && reject.code !== ILP_ERRORS.RATE_LIMITED) return reject
  return { ...reject, code: ILP_ERRORS.CONNECTOR_BUSY, triggeredBy }
}
